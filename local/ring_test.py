"""What of ring.py needs no stack."""

import json
import re
import unittest

import ring
from cloud import ROOT


def line(name, value, at, **dimensions):
    return json.dumps({"_aws": {"Timestamp": at, "CloudWatchMetrics": []}, name: value, **dimensions})


class Metrics(unittest.TestCase):
    def test_a_metric_is_found_among_all_that_a_log_says(self):
        log = ["START RequestId: 1\n", '{"level":"INFO","Texts":9}', '"Texts"', line("Parts", 2, 5000), line("Texts", 1, 5000, Outcome="sent") + "\n"]
        found = ring.metrics(log, "Texts", 5)
        self.assertEqual([(value, entry["Outcome"]) for value, entry in found], [(1, "sent")])

    def test_one_message_may_have_several_lines(self):
        found = ring.metrics([line("Texts", 1, 5000) + "\n" + line("Texts", 2, 5001)], "Texts", 5)
        self.assertEqual([value for value, _ in found], [1, 2])

    def test_what_was_written_before_does_not_count(self):
        self.assertEqual(ring.metrics([line("Texts", 1, 4999)], "Texts", 5), [])


class Alarms(unittest.TestCase):
    def test_fewer_than_twenty_texts_prove_nothing(self):
        self.assertEqual(ring.delivery_rate(delivered=0, undelivered=19), 100)
        self.assertEqual(ring.delivery_rate(delivered=5, undelivered=15), 25)

    def test_the_threshold_is_that_of_the_alarm_itself(self):
        template = (ROOT / "template.yaml").read_text()
        known = {name: ring.alarm(template, name) for name in ring.BELLS}
        self.assertEqual(known["UrgentLaneSlow"], (10, "GreaterThanThreshold"))
        self.assertEqual(known["DeliveryDropped"], (80, "LessThanThreshold"))
        self.assertEqual(known["ReconcilerStopped"], (1, "LessThanThreshold"))

    def test_every_comparison_of_the_template_is_known(self):
        operators = set(re.findall(r"ComparisonOperator: (\w+)", (ROOT / "template.yaml").read_text()))
        self.assertEqual(operators, set(ring.COMPARISONS))

    def test_an_alarm_rings_past_its_threshold_and_at_it_only_if_it_says_so(self):
        rings = {name: [compare(value, 80) for value in (79, 80, 81)] for name, (_, compare) in ring.COMPARISONS.items()}
        self.assertEqual(rings["GreaterThanThreshold"], [False, False, True])
        self.assertEqual(rings["GreaterThanOrEqualToThreshold"], [False, True, True])
        self.assertEqual(rings["LessThanThreshold"], [True, False, False])
