"""A worker that needs no model: it writes the part that is asked for, as an agent would.

It shows how any program can be one: read the prompt, write files, leave a result, exit with 0.
"""

import json
import os
import sys
import time
from pathlib import Path

PARTS = {
    "scaffold": {"wordkit/__init__.py": '"""Small tools for texts."""\n'},
    "license": {"NOTICE": "wordkit is free to use, change and share.\n"},
    "tokens": {
        "wordkit/tokens.py": '''"""Split text into words."""

import re


def words(text: str) -> list[str]:
    """The words of a text in order; an apostrophe belongs to its word."""
    return re.findall(r"[^\\W\\d_]+(?:'[^\\W\\d_]+)*", text)
''',
        "tests/test_tokens.py": """import unittest

from wordkit.tokens import words


class Words(unittest.TestCase):
    def test_marks_are_left_out(self):
        self.assertEqual(["It's", "a", "fox"], words("It's a fox!"))
""",
    },
    "sentences": {
        "wordkit/sentences.py": '''"""Split text into sentences."""

import re


def sentences(text: str) -> list[str]:
    """The sentences of a text, without the white space around them."""
    return [part.strip() for part in re.split(r"(?<=[.!?])\\s+", text) if part.strip()]
''',
        "tests/test_sentences.py": """import unittest

from wordkit.sentences import sentences


class Sentences(unittest.TestCase):
    def test_each_mark_ends_one(self):
        self.assertEqual(["One.", "Two!", "Three?"], sentences("One. Two! Three?"))
""",
    },
    "counts": {
        "wordkit/counts.py": '''"""Count words."""

from collections import Counter

from wordkit.tokens import words


def counts(text: str) -> Counter[str]:
    """How often each word occurs, letter case aside."""
    return Counter(word.lower() for word in words(text))
''',
        "tests/test_counts.py": """import unittest

from wordkit.counts import counts


class Counts(unittest.TestCase):
    def test_case_does_not_matter(self):
        self.assertEqual(2, counts("The end of the day")["the"])
""",
    },
    "readability": {
        "wordkit/readability.py": '''"""Rate how hard a text is to read."""

from wordkit.sentences import sentences
from wordkit.tokens import words


def words_per_sentence(text: str) -> float:
    """The mean length of a sentence in words; 0 for an empty text."""
    return len(words(text)) / max(1, len(sentences(text)))
''',
        "tests/test_readability.py": """import unittest

from wordkit.readability import words_per_sentence


class Readability(unittest.TestCase):
    def test_mean_over_sentences(self):
        self.assertEqual(1.5, words_per_sentence("Go. Go on."))
""",
    },
    "translate": {
        "wordkit/translate.py": '''"""Translate a text."""


def translate(text: str) -> str:
    """The text in another language."""
    return text
''',
        "tests/test_translate.py": """import unittest

from wordkit.translate import translate


class Translate(unittest.TestCase):
    def test_another_language(self):
        self.assertEqual("bonjour", translate("hello"))
""",
    },
    "summary": {
        "wordkit/summary.py": '''"""Sum a text up in one line."""

from wordkit.counts import counts
from wordkit.readability import words_per_sentence


def summary(text: str) -> str:
    """Words, the most frequent one and the mean length of a sentence."""
    found = counts(text)
    often = found.most_common(1)[0][0] if found else "-"
    return f"{found.total()} words, most often {often!r}, {words_per_sentence(text):.1f} words a sentence"
''',
        "tests/test_summary.py": """import unittest

from wordkit.summary import summary


class Summary(unittest.TestCase):
    def test_one_line(self):
        self.assertEqual("3 words, most often 'go', 1.5 words a sentence", summary("Go. Go on."))
""",
    },
    "abroad": {"wordkit/abroad.py": '"""Sum a translated text up."""\n'},
    "command": {
        "wordkit/__main__.py": '''"""`python -m wordkit FILE` sums a file up."""

import sys
from pathlib import Path

from wordkit.summary import summary

print(summary(Path(sys.argv[1]).read_text(encoding="utf-8")))
''',
    },
}


def main() -> None:
    part = sys.argv[1]
    print("reading the prompt", flush=True)
    prompt = Path(os.environ["SWARM_PROMPT"]).read_text(encoding="utf-8")
    told_of_failure = "RETRY" in prompt
    if told_of_failure:
        print("the last try failed its test: mending it", flush=True)
    time.sleep(0.7)
    for name, text in PARTS[part].items():
        print(f"writing {name}", flush=True)
        if name == "wordkit/counts.py" and not told_of_failure:
            text = text.replace("word.lower() for word in words(text)", "words(text)")
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        time.sleep(0.5)
    leave_result(part)


def leave_result(part: str) -> None:
    """Write the result whole, by rename, before the exit that tells of it."""
    result = Path(os.environ["SWARM_RESULT"])
    claim = {
        "schema_version": 1,
        "type": "completion",
        "task_id": os.environ["SWARM_TASK_ID"],
        "status": "done",
        "detail": f"wrote {part}",
        "artifacts": list(PARTS[part]),
    }
    temporary = result.with_suffix(".tmp")
    temporary.write_text(json.dumps(claim), encoding="utf-8")
    temporary.replace(result)


if __name__ == "__main__":
    main()
