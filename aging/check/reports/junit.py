"""JUnit XML, as GitLab and Jenkins read it: a test suite per deployment, a test case per condition.

An undecided condition is an ``error``, not ``skipped``: both show skipped cases as green. The case ``measurement`` is
always there, so that no gate that has not passed is without a red case, and none is empty.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from aging.check.reports.base import GateContext, ReportFormat
from aging.check.wording import headline, sentence, site_text, word
from aging.core.plain_text import lines, one_line
from aging.findings.gate import ConditionResult, GateResult, ServerFailure

_LOG_LINES = 200


class JUnit(ReportFormat):
    """A ``failure`` is a leak, an ``error`` a server that failed or a condition that is undecided."""

    kind = "junit"

    def render(self, gate: GateResult, context: GateContext) -> str:
        root = Element("testsuites", name=f"aging {one_line(context.campaign)}")
        for name in _deployments(gate):
            suite = SubElement(root, "testsuite", name=one_line(name))
            for failure in gate.server_failures:
                if failure.deployment == name:
                    _server(_case(suite, context, name, "server"), failure)
            for condition in gate.conditions:
                if condition.deployment == name:
                    _condition(_case(suite, context, name, condition.condition), condition)
        _measurement(_case(SubElement(root, "testsuite", name="measurement"), context, "", "measurement"), gate, root)
        for counted in (root, *root):
            _counted(counted)
        for counted in (root, root[-1], root[-1][0]):
            counted.set("time", f"{gate.minutes * 60:.3f}")
        indent(root)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _deployments(gate: GateResult) -> list[str]:
    names = [one.deployment for one in gate.server_failures] + [one.deployment for one in gate.conditions]
    return list(dict.fromkeys(names))


def _case(suite: Element, context: GateContext, deployment: str, name: str) -> Element:
    home = ".".join(one_line(part) for part in ("aging", context.campaign, deployment) if part)
    return SubElement(suite, "testcase", classname=home, name=one_line(name), time="0")


def _server(case: Element, failure: ServerFailure) -> None:
    log = lines(failure.log[-_LOG_LINES:])
    _red(case, "error", failure.code, f"{failure.deployment} {word(failure.code)}: {failure.reason}", log)


def _condition(case: Element, one: ConditionResult) -> None:
    text = [*one.grew, *site_text(one)]
    if one.outcome == "passed":
        SubElement(case, "system-out").text = "\n".join(lines([sentence(one)]))
    else:
        _red(case, "failure" if one.outcome == "failed" else "error", one.reason_code, sentence(one), text)


def _measurement(case: Element, gate: GateResult, root: Element) -> None:
    red = any(element.tag in ("failure", "error") for element in root.iter())
    if gate.doubts or (gate.outcome != "passed" and not red):
        _red(case, "error", gate.outcome, headline(gate), [*gate.doubts, *gate.notes])
    else:
        SubElement(case, "system-out").text = "\n".join(lines([headline(gate), *gate.notes]))


def _red(case: Element, tag: str, code: str, message: str, text: list[str]) -> None:
    element = SubElement(case, tag, type=one_line(code), message=one_line(message))
    element.text = "\n".join(lines([message, *text]))


def _counted(element: Element) -> None:
    tags = [[child.tag for child in case] for case in element.iter("testcase")]
    element.set("tests", str(len(tags)))
    for key, tag in (("failures", "failure"), ("errors", "error")):
        element.set(key, str(sum(tag in one for one in tags)))
    element.set("skipped", "0")
