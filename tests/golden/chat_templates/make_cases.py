#!/usr/bin/env python3
"""Writes the expected texts of chat templates with Jinja itself (see README.md)."""
import datetime
import json
import pathlib

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("same"), [], [], body).set_lineno(line)

    def same(self, caller):
        return caller()


def environment(date):
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    if date:
        env.globals["strftime_now"] = datetime.datetime.fromisoformat(date).strftime
    return env


def main():
    here = pathlib.Path(__file__).parent
    for file in sorted(here.glob("*.json")):
        cases = json.loads(file.read_text())
        for case in cases["cases"]:
            template = case["template"] if isinstance(case["template"], str) else "".join(case["template"])
            variables = {**cases.get("variables", {}), **case.get("variables", {})}
            case.pop("text", None)
            case.pop("refused", None)
            try:
                case["text"] = environment(case.get("date")).from_string(template).render(**variables)
            except TemplateError as refused:
                case["refused"] = type(refused).__name__
            except (TypeError, ValueError, OverflowError, ZeroDivisionError) as refused:
                case["refused"] = type(refused).__name__
        file.write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n")


main()
