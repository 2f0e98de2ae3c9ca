//! Phone numbers, and the country behind one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A phone number in E.164 form, such as `+15551234567`.
///
/// `Debug` and `Display` show its last two digits only; who needs all of it asks by name, with [`PhoneNumber::as_e164`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// Why a text is no phone number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a phone number, expected E.164 form: a plus sign, then 8 to 15 digits, the first not zero")]
pub struct NotAPhoneNumber;

/// An ISO 3166-1 alpha-2 country code, such as `US`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// Why a text is no country code.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an ISO 3166 country code: two capital letters")]
pub struct NotACountry;

impl PhoneNumber {
    /// A number that nobody can have: it belongs to no country, and stands where one was erased.
    #[must_use]
    pub fn nobodys() -> Self {
        Self("+10000000000".to_owned())
    }

    /// The whole number. For the provider, the tables and nobody else.
    #[must_use]
    pub fn as_e164(&self) -> &str {
        &self.0
    }

    /// The number with all digits hidden but the last two, such as `+*********01`.
    #[must_use]
    pub fn masked(&self) -> String {
        let hidden = self.0.len() - 3;
        format!("+{}{}", "*".repeat(hidden), &self.0[hidden + 1..])
    }

    /// Whether it is a toll-free number of the North American Numbering Plan, where the network itself obeys STOP.
    #[must_use]
    pub fn is_toll_free(&self) -> bool {
        matches!(self.area_code(), Some("800" | "833" | "844" | "855" | "866" | "877" | "888"))
    }

    /// The area code of a number of the North American Numbering Plan, such as `202`.
    #[must_use]
    pub fn area_code(&self) -> Option<&str> {
        self.0.strip_prefix("+1").filter(|national| national.len() == 10).map(|national| &national[..3])
    }

    /// The country that the number's prefix belongs to, or `None` for a prefix that no table here knows.
    ///
    /// Within `+1` the area code decides: the United States share it with Canada and the Caribbean, which are other prices and other rules.
    #[must_use]
    pub fn country(&self) -> Option<Country> {
        let digits = &self.0[1..];
        if let Some(national) = digits.strip_prefix('1') {
            return north_american(national);
        }
        // The longest prefix first: 44 1534 is Jersey's, but its price and rules are those of 44.
        (1..=3).rev().find_map(|len| {
            let prefix = digits.get(..len)?;
            CALLING_CODES.binary_search_by_key(&prefix, |(code, _)| code).ok().map(|at| CALLING_CODES[at].1)
        })
    }
}

/// The country of a ten-digit number of the North American Numbering Plan, by its area code (NANPA, November 2026).
fn north_american(national: &str) -> Option<Country> {
    let (area, rest) = national.split_at_checked(3)?;
    if rest.len() != 7 || !matches!(area.as_bytes(), [b'2'..=b'9', b'0'..=b'8', _]) {
        return None;
    }
    let elsewhere = CALLING_CODES_NANP.iter().find(|(areas, _)| areas.split(' ').any(|a| a == area));
    Some(elsewhere.map_or(Country::US, |(_, country)| *country))
}

impl Country {
    /// The United States.
    pub const US: Self = Self(*b"US");

    const fn new(code: &str) -> Self {
        let bytes = code.as_bytes();
        Self([bytes[0], bytes[1]])
    }

    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

impl FromStr for PhoneNumber {
    type Err = NotAPhoneNumber;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('+').ok_or(NotAPhoneNumber)?;
        let valid = (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if valid { Ok(Self(text.to_owned())) } else { Err(NotAPhoneNumber) }
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = NotAPhoneNumber;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PhoneNumber> for String {
    fn from(phone: PhoneNumber) -> Self {
        phone.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl FromStr for Country {
    type Err = NotACountry;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            [a @ b'A'..=b'Z', b @ b'A'..=b'Z'] => Ok(Self([*a, *b])),
            _ => Err(NotACountry),
        }
    }
}

impl TryFrom<String> for Country {
    type Error = NotACountry;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.as_str().to_owned()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Area codes of the North American Numbering Plan outside the United States and their territories (NANPA).
const CALLING_CODES_NANP: &[(&str, Country)] = &[
    (
        "204 226 236 249 250 257 263 273 289 306 343 354 365 367 368 382 403 416 418 428 431 437 438 450 460 468 474 506 514 519 537 548 568 579 \
         581 584 587 600 604 613 622 633 639 644 647 655 672 677 683 688 705 709 742 753 778 780 782 807 819 825 867 873 879 902 905 942",
        Country::new("CA"),
    ),
    ("242", Country::new("BS")),
    ("246", Country::new("BB")),
    ("264", Country::new("AI")),
    ("268", Country::new("AG")),
    ("284", Country::new("VG")),
    ("345", Country::new("KY")),
    ("441", Country::new("BM")),
    ("473", Country::new("GD")),
    ("649", Country::new("TC")),
    ("658 876", Country::new("JM")),
    ("664", Country::new("MS")),
    ("721", Country::new("SX")),
    ("758", Country::new("LC")),
    ("767", Country::new("DM")),
    ("784", Country::new("VC")),
    ("809 829 849", Country::new("DO")),
    ("868", Country::new("TT")),
    ("869", Country::new("KN")),
];

/// Country calling codes outside `+1`, sorted (ITU-T E.164, list of assigned country codes).
const CALLING_CODES: &[(&str, Country)] = &[
    ("20", Country::new("EG")),
    ("211", Country::new("SS")),
    ("212", Country::new("MA")),
    ("213", Country::new("DZ")),
    ("216", Country::new("TN")),
    ("218", Country::new("LY")),
    ("220", Country::new("GM")),
    ("221", Country::new("SN")),
    ("222", Country::new("MR")),
    ("223", Country::new("ML")),
    ("224", Country::new("GN")),
    ("225", Country::new("CI")),
    ("226", Country::new("BF")),
    ("227", Country::new("NE")),
    ("228", Country::new("TG")),
    ("229", Country::new("BJ")),
    ("230", Country::new("MU")),
    ("231", Country::new("LR")),
    ("232", Country::new("SL")),
    ("233", Country::new("GH")),
    ("234", Country::new("NG")),
    ("235", Country::new("TD")),
    ("236", Country::new("CF")),
    ("237", Country::new("CM")),
    ("238", Country::new("CV")),
    ("239", Country::new("ST")),
    ("240", Country::new("GQ")),
    ("241", Country::new("GA")),
    ("242", Country::new("CG")),
    ("243", Country::new("CD")),
    ("244", Country::new("AO")),
    ("245", Country::new("GW")),
    ("246", Country::new("IO")),
    ("247", Country::new("SH")),
    ("248", Country::new("SC")),
    ("249", Country::new("SD")),
    ("250", Country::new("RW")),
    ("251", Country::new("ET")),
    ("252", Country::new("SO")),
    ("253", Country::new("DJ")),
    ("254", Country::new("KE")),
    ("255", Country::new("TZ")),
    ("256", Country::new("UG")),
    ("257", Country::new("BI")),
    ("258", Country::new("MZ")),
    ("260", Country::new("ZM")),
    ("261", Country::new("MG")),
    ("262", Country::new("RE")),
    ("263", Country::new("ZW")),
    ("264", Country::new("NA")),
    ("265", Country::new("MW")),
    ("266", Country::new("LS")),
    ("267", Country::new("BW")),
    ("268", Country::new("SZ")),
    ("269", Country::new("KM")),
    ("27", Country::new("ZA")),
    ("290", Country::new("SH")),
    ("291", Country::new("ER")),
    ("297", Country::new("AW")),
    ("298", Country::new("FO")),
    ("299", Country::new("GL")),
    ("30", Country::new("GR")),
    ("31", Country::new("NL")),
    ("32", Country::new("BE")),
    ("33", Country::new("FR")),
    ("34", Country::new("ES")),
    ("350", Country::new("GI")),
    ("351", Country::new("PT")),
    ("352", Country::new("LU")),
    ("353", Country::new("IE")),
    ("354", Country::new("IS")),
    ("355", Country::new("AL")),
    ("356", Country::new("MT")),
    ("357", Country::new("CY")),
    ("358", Country::new("FI")),
    ("359", Country::new("BG")),
    ("36", Country::new("HU")),
    ("370", Country::new("LT")),
    ("371", Country::new("LV")),
    ("372", Country::new("EE")),
    ("373", Country::new("MD")),
    ("374", Country::new("AM")),
    ("375", Country::new("BY")),
    ("376", Country::new("AD")),
    ("377", Country::new("MC")),
    ("378", Country::new("SM")),
    ("380", Country::new("UA")),
    ("381", Country::new("RS")),
    ("382", Country::new("ME")),
    ("383", Country::new("XK")),
    ("385", Country::new("HR")),
    ("386", Country::new("SI")),
    ("387", Country::new("BA")),
    ("389", Country::new("MK")),
    ("39", Country::new("IT")),
    ("40", Country::new("RO")),
    ("41", Country::new("CH")),
    ("420", Country::new("CZ")),
    ("421", Country::new("SK")),
    ("423", Country::new("LI")),
    ("43", Country::new("AT")),
    ("44", Country::new("GB")),
    ("45", Country::new("DK")),
    ("46", Country::new("SE")),
    ("47", Country::new("NO")),
    ("48", Country::new("PL")),
    ("49", Country::new("DE")),
    ("500", Country::new("FK")),
    ("501", Country::new("BZ")),
    ("502", Country::new("GT")),
    ("503", Country::new("SV")),
    ("504", Country::new("HN")),
    ("505", Country::new("NI")),
    ("506", Country::new("CR")),
    ("507", Country::new("PA")),
    ("508", Country::new("PM")),
    ("509", Country::new("HT")),
    ("51", Country::new("PE")),
    ("52", Country::new("MX")),
    ("53", Country::new("CU")),
    ("54", Country::new("AR")),
    ("55", Country::new("BR")),
    ("56", Country::new("CL")),
    ("57", Country::new("CO")),
    ("58", Country::new("VE")),
    ("590", Country::new("GP")),
    ("591", Country::new("BO")),
    ("592", Country::new("GY")),
    ("593", Country::new("EC")),
    ("594", Country::new("GF")),
    ("595", Country::new("PY")),
    ("596", Country::new("MQ")),
    ("597", Country::new("SR")),
    ("598", Country::new("UY")),
    ("599", Country::new("CW")),
    ("60", Country::new("MY")),
    ("61", Country::new("AU")),
    ("62", Country::new("ID")),
    ("63", Country::new("PH")),
    ("64", Country::new("NZ")),
    ("65", Country::new("SG")),
    ("66", Country::new("TH")),
    ("670", Country::new("TL")),
    ("672", Country::new("NF")),
    ("673", Country::new("BN")),
    ("674", Country::new("NR")),
    ("675", Country::new("PG")),
    ("676", Country::new("TO")),
    ("677", Country::new("SB")),
    ("678", Country::new("VU")),
    ("679", Country::new("FJ")),
    ("680", Country::new("PW")),
    ("681", Country::new("WF")),
    ("682", Country::new("CK")),
    ("683", Country::new("NU")),
    ("685", Country::new("WS")),
    ("686", Country::new("KI")),
    ("687", Country::new("NC")),
    ("688", Country::new("TV")),
    ("689", Country::new("PF")),
    ("690", Country::new("TK")),
    ("691", Country::new("FM")),
    ("692", Country::new("MH")),
    ("7", Country::new("RU")),
    ("76", Country::new("KZ")),
    ("77", Country::new("KZ")),
    ("81", Country::new("JP")),
    ("82", Country::new("KR")),
    ("84", Country::new("VN")),
    ("850", Country::new("KP")),
    ("852", Country::new("HK")),
    ("853", Country::new("MO")),
    ("855", Country::new("KH")),
    ("856", Country::new("LA")),
    ("86", Country::new("CN")),
    ("880", Country::new("BD")),
    ("886", Country::new("TW")),
    ("90", Country::new("TR")),
    ("91", Country::new("IN")),
    ("92", Country::new("PK")),
    ("93", Country::new("AF")),
    ("94", Country::new("LK")),
    ("95", Country::new("MM")),
    ("960", Country::new("MV")),
    ("961", Country::new("LB")),
    ("962", Country::new("JO")),
    ("963", Country::new("SY")),
    ("964", Country::new("IQ")),
    ("965", Country::new("KW")),
    ("966", Country::new("SA")),
    ("967", Country::new("YE")),
    ("968", Country::new("OM")),
    ("970", Country::new("PS")),
    ("971", Country::new("AE")),
    ("972", Country::new("IL")),
    ("973", Country::new("BH")),
    ("974", Country::new("QA")),
    ("975", Country::new("BT")),
    ("976", Country::new("MN")),
    ("977", Country::new("NP")),
    ("98", Country::new("IR")),
    ("992", Country::new("TJ")),
    ("993", Country::new("TM")),
    ("994", Country::new("AZ")),
    ("995", Country::new("GE")),
    ("996", Country::new("KG")),
    ("998", Country::new("UZ")),
];

#[cfg(test)]
mod tests {
    use super::{CALLING_CODES, Country, PhoneNumber};

    fn phone(text: &str) -> PhoneNumber {
        text.parse().expect(text)
    }

    #[test]
    fn e164_and_nothing_else_is_a_phone_number() {
        for good in ["+12025550101", "+4915112345678", "+12345678", "+123456789012345"] {
            assert!(good.parse::<PhoneNumber>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "+",
            "12025550101",
            "+02025550101",
            "+1202555010a",
            "+1 202 555 0101",
            "+1234567",
            "+1234567890123456",
            " +12025550101",
            "+12025550101\n",
            "+１２０２５５５０１０１",
            "+٢٠٢٥٥٥٠١٠١",
            "++12025550101",
            "(202) 555-0101",
        ] {
            assert!(bad.parse::<PhoneNumber>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_number_shows_two_digits_of_itself() {
        let phone = phone("+12025550101");
        assert_eq!(phone.to_string(), "+*********01");
        assert_eq!(format!("{phone:?}"), "+*********01");
        assert_eq!(serde_json::to_string(&phone).expect("json"), "\"+12025550101\"");
    }

    #[test]
    fn the_country_is_that_of_the_prefix() {
        for (number, country) in [
            ("+12025550101", Some("US")),
            ("+13125560001", Some("US")),
            ("+15005550006", Some("US")),
            ("+17875550100", Some("US")),
            ("+15575550100", Some("US")),
            ("+16045550100", Some("CA")),
            ("+12735550100", Some("CA")),
            ("+18095550100", Some("DO")),
            ("+18765550100", Some("JM")),
            ("+11025550100", None),
            ("+12955550100", None),
            ("+1202555010", None),
            ("+120255501011", None),
            ("+447860019066", Some("GB")),
            ("+4915112345678", Some("DE")),
            ("+79161234567", Some("RU")),
            ("+77011234567", Some("KZ")),
            ("+35312345678", Some("IE")),
            ("+99912345678", None),
        ] {
            assert_eq!(phone(number).country().map(|c| c.to_string()).as_deref(), country, "{number}");
        }
    }

    #[test]
    fn the_table_of_calling_codes_is_sorted() {
        assert!(CALLING_CODES.is_sorted_by_key(|(code, _)| *code));
        assert_eq!(Country::US.as_str(), "US");
    }
}
