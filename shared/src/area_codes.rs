//! Area codes of the North American Numbering Plan: the state or province of each, and every time zone that is kept within it.
//!
//! From libphonenumber 9.0.43 (time zones and places by prefix), with the overlays that NANPA has put into service since.
//! A county that keeps another time than the rest counts: who is texted may be there. An area code that is missing here belongs to no place we know.

/// Where a number's area code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Two letters, such as `FL`.
    pub state: &'static str,
    /// IANA names; several where the area spans zones.
    pub zones: &'static [&'static str],
}

/// The area of an area code such as `850`, or `None` where it has none: toll-free, personal and new codes.
#[must_use]
pub fn area(code: &str) -> Option<Area> {
    AREAS.iter().find(|(_, _, codes)| codes.split(' ').any(|known| known == code)).map(|&(state, zones, _)| Area { state, zones })
}

/// The time zones of the fifty states: who has a number without a place may be in any of them.
pub const FIFTY_STATES: &[&str] = &[NEW_YORK, CHICAGO, DENVER, PHOENIX, LOS_ANGELES, ANCHORAGE, ADAK, HONOLULU];

const ADAK: &str = "America/Adak";
const ANCHORAGE: &str = "America/Anchorage";
const CHICAGO: &str = "America/Chicago";
const DENVER: &str = "America/Denver";
const EDMONTON: &str = "America/Edmonton";
const HALIFAX: &str = "America/Halifax";
const LOS_ANGELES: &str = "America/Los_Angeles";
const NEW_YORK: &str = "America/New_York";
const PHOENIX: &str = "America/Phoenix";
const PUERTO_RICO: &str = "America/Puerto_Rico";
const REGINA: &str = "America/Regina";
const ST_JOHNS: &str = "America/St_Johns";
const ST_THOMAS: &str = "America/St_Thomas";
const TORONTO: &str = "America/Toronto";
const VANCOUVER: &str = "America/Vancouver";
const WINNIPEG: &str = "America/Winnipeg";
const GUAM: &str = "Pacific/Guam";
const HONOLULU: &str = "Pacific/Honolulu";
const PAGO_PAGO: &str = "Pacific/Pago_Pago";
const SAIPAN: &str = "Pacific/Saipan";

/// State, zones, area codes.
#[rustfmt::skip]
const AREAS: &[(&str, &[&str], &str)] = &[
    ("AK", &[ADAK, ANCHORAGE], "907"),
    ("AL", &[CHICAGO], "205 251 256 334 483 659 938"),
    ("AR", &[CHICAGO], "327 479 501 870"),
    ("AS", &[PAGO_PAGO], "684"),
    ("AZ", &[DENVER, PHOENIX], "928"),
    ("AZ", &[PHOENIX], "480 520 602 623"),
    ("CA", &[LOS_ANGELES], "209 213 279 310 323 341 350 357 369 408 415 424 442 510 530 559 562 619 626 628 650 657 661 669 707 714 738 747 760 805 818 820 831 837 840 858 909 916 925 949 951"),
    ("CO", &[DENVER], "303 719 720 748 970 983"),
    ("CT", &[NEW_YORK], "203 475 860 959"),
    ("DC", &[NEW_YORK], "202 771"),
    ("DE", &[NEW_YORK], "302"),
    ("FL", &[CHICAGO, NEW_YORK], "448 850"),
    ("FL", &[NEW_YORK], "239 305 321 324 352 386 407 561 645 656 689 727 728 754 772 786 813 863 904 941 954"),
    ("GA", &[NEW_YORK], "229 404 470 478 678 706 762 770 912 943"),
    ("GU", &[GUAM], "671"),
    ("HI", &[HONOLULU], "808"),
    ("IA", &[CHICAGO], "319 515 563 641 712"),
    ("ID", &[DENVER, LOS_ANGELES], "208 986"),
    ("IL", &[CHICAGO], "217 224 309 312 331 447 464 618 630 708 730 773 779 815 847 861 872"),
    ("IN", &[CHICAGO, NEW_YORK], "219 574 812 930"),
    ("IN", &[NEW_YORK], "260 317 463 765"),
    ("KS", &[CHICAGO], "316 913"),
    ("KS", &[CHICAGO, DENVER], "620 785"),
    ("KY", &[CHICAGO, NEW_YORK], "270 364 606"),
    ("KY", &[NEW_YORK], "502 859"),
    ("LA", &[CHICAGO], "225 318 337 457 504 985"),
    ("MA", &[NEW_YORK], "339 351 413 508 617 774 781 857 978"),
    ("MD", &[NEW_YORK], "227 240 301 410 443 667"),
    ("ME", &[NEW_YORK], "207"),
    ("MI", &[CHICAGO, NEW_YORK], "906"),
    ("MI", &[NEW_YORK], "231 248 269 313 517 586 616 679 734 810 947 989"),
    ("MN", &[CHICAGO], "218 320 507 612 651 763 924 952"),
    ("MO", &[CHICAGO], "235 314 417 557 573 636 660 816 975"),
    ("MP", &[SAIPAN], "670"),
    ("MS", &[CHICAGO], "228 471 601 662 769"),
    ("MT", &[DENVER], "406"),
    ("NC", &[NEW_YORK], "252 336 472 704 743 828 910 919 980 984"),
    ("ND", &[CHICAGO, DENVER], "701"),
    ("NE", &[CHICAGO], "402 531"),
    ("NE", &[CHICAGO, DENVER], "308"),
    ("NH", &[NEW_YORK], "603"),
    ("NJ", &[NEW_YORK], "201 551 609 640 732 848 856 862 908 973"),
    ("NM", &[DENVER], "505 575"),
    ("NV", &[DENVER, LOS_ANGELES], "775"),
    ("NV", &[LOS_ANGELES], "702 725"),
    ("NY", &[NEW_YORK], "212 315 329 332 347 363 465 516 518 585 607 624 631 646 680 716 718 838 845 914 917 929 934"),
    ("OH", &[NEW_YORK], "216 220 234 283 326 330 380 419 436 440 513 567 614 740 937"),
    ("OK", &[CHICAGO], "405 539 572 580 918"),
    ("OR", &[DENVER, LOS_ANGELES], "458 541"),
    ("OR", &[LOS_ANGELES], "503 971"),
    ("PA", &[NEW_YORK], "215 223 267 272 412 445 484 570 582 610 717 724 814 835 878"),
    ("PR", &[PUERTO_RICO], "787 939"),
    ("RI", &[NEW_YORK], "401"),
    ("SC", &[NEW_YORK], "803 821 839 843 854 864"),
    ("SD", &[CHICAGO, DENVER], "605"),
    ("TN", &[CHICAGO], "615 629 731 901 931"),
    ("TN", &[CHICAGO, NEW_YORK], "423 729"),
    ("TN", &[NEW_YORK], "865"),
    ("TX", &[CHICAGO], "210 214 254 281 325 346 361 409 430 469 512 621 682 713 726 737 806 817 830 832 903 936 940 945 956 972 979"),
    ("TX", &[CHICAGO, DENVER], "432"),
    ("TX", &[DENVER], "915"),
    ("UT", &[DENVER], "385 435 801"),
    ("VA", &[NEW_YORK], "276 434 540 571 686 703 757 804 826 948"),
    ("VI", &[ST_THOMAS], "340"),
    ("VT", &[NEW_YORK], "802"),
    ("WA", &[LOS_ANGELES], "206 253 360 425 509 564"),
    ("WI", &[CHICAGO], "262 274 353 414 534 608 715 920"),
    ("WV", &[NEW_YORK], "304 681"),
    ("WY", &[DENVER], "307"),
    ("AB", &[EDMONTON], "368 403 587 780 825"),
    ("BC", &[EDMONTON, VANCOUVER], "236 250 257 672 778"),
    ("BC", &[VANCOUVER], "604"),
    ("MB", &[WINNIPEG], "204 431 584"),
    ("NB", &[HALIFAX], "428 506"),
    ("NL", &[HALIFAX, ST_JOHNS], "709 879"),
    ("NS", &[HALIFAX], "782 902"),
    ("NT", &[EDMONTON, TORONTO, VANCOUVER, WINNIPEG], "867"),
    ("ON", &[TORONTO], "226 249 289 343 365 382 416 437 519 548 613 647 683 705 742 753 905 942"),
    ("ON", &[TORONTO, WINNIPEG], "807"),
    ("QC", &[HALIFAX, TORONTO], "367 418 581"),
    ("QC", &[TORONTO], "263 273 354 438 450 468 514 579 819 873"),
    ("SK", &[EDMONTON, REGINA], "306 474 639"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::tz::TimeZone;

    use super::{AREAS, FIFTY_STATES, area};
    use crate::phone::PhoneNumber;

    #[test]
    fn every_zone_is_one_that_the_tz_database_knows() {
        for zone in AREAS.iter().flat_map(|(_, zones, _)| *zones).chain(FIFTY_STATES) {
            assert!(TimeZone::get(zone).is_ok(), "{zone}");
        }
    }

    #[test]
    fn no_area_code_is_listed_twice_and_each_is_in_the_country_of_its_state() {
        let provinces = "AB BC MB NB NL NS NT ON QC SK";
        let mut seen = BTreeSet::new();
        for (state, _, codes) in AREAS {
            for code in codes.split(' ') {
                assert!(seen.insert(code), "{code} twice");
                let phone = format!("+1{code}5550100").parse::<PhoneNumber>().expect("a number");
                let expected = if provinces.split(' ').any(|province| province == *state) { "CA" } else { "US" };
                assert_eq!(phone.country().map(|country| country.to_string()).as_deref(), Some(expected), "{code}");
            }
        }
    }

    #[test]
    fn every_state_has_an_area_code() {
        let states = "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR VI GU AS MP";
        for state in states.split(' ') {
            assert!(AREAS.iter().any(|(known, ..)| *known == state), "{state}");
        }
    }

    #[test]
    fn a_code_without_a_place_has_no_area() {
        for code in ["800", "866", "500", "710", "900", "211", "", "20", "2020"] {
            assert_eq!(area(code), None, "{code}");
        }
    }
}
