"""Labels of a data set that mean AI-generated or photograph, judged by name.

The reference recipe looks for ``ai``, ``fake`` or ``generated``, and for ``real``. Here these are
matched as whole words: ``painting`` is not ``ai``, nor is ``not_ai``.
"""

from collections.abc import Iterable, Sequence

from trustthepixels.infer.errors import InputError

AI_WORDS = frozenset({"ai", "fake", "generated"})
REAL_WORDS = frozenset({"real"})
_NEGATIONS = frozenset({"not", "non", "no"})
_SHOWN_NAMES = 20


def words(name: str) -> tuple[str, ...]:
    """The words of a label, case-folded: split at anything but letters, and in camelCase.

    >>> words("AI_generated-Art2"), words("RealArt"), words("AIArt")
    (('ai', 'generated', 'art'), ('real', 'art'), ('ai', 'art'))
    """
    runs = "".join(character if character.isalpha() else " " for character in name).split()
    return tuple(word for run in runs for word in _camel_words(run))


def match_labels(
    names: Iterable[str], ai_names: Sequence[str] = (), real_names: Sequence[str] = ()
) -> dict[str, str]:
    """Map the data set's labels to ``ai`` and ``real``; labels that mean neither are left out.

    Args:
        names: the labels of the data set.
        ai_names: labels to take as AI, instead of looking for them.
        real_names: labels to take as photographs, instead of looking for them.

    Raises:
        InputError: a class has no label or more than one, a label means both, or a requested label
            does not exist; the text lists the labels.
    """
    known = sorted(set(names))
    chosen = {
        "ai": list(ai_names) or _matching(known, AI_WORDS, real_names),
        "real": list(real_names) or _matching(known, REAL_WORDS, ai_names),
    }
    for asked in (*ai_names, *real_names):
        if asked not in known:
            raise InputError(f"the data set has no label '{asked}'; {_listed(known)}")
    for label, found in chosen.items():
        explicit = ai_names if label == "ai" else real_names
        if not found:
            raise InputError(
                f"no label of the data set means '{label}' by its name; {_listed(known)}; "
                f"say which with --{label}-label"
            )
        if len(found) > 1 and not explicit:
            raise InputError(
                f"several labels of the data set may mean '{label}': {_quoted(found)}; "
                f"say which with --{label}-label"
            )
    both = sorted(set(chosen["ai"]) & set(chosen["real"]))
    if both:
        raise InputError(
            f"the label {_quoted(both)} would mean both 'ai' and 'real'; {_listed(known)}; "
            "say which is which with --ai-label and --real-label"
        )
    return {name: label for label, found in chosen.items() for name in found}


def _matching(names: Sequence[str], wanted: frozenset[str], taken: Sequence[str]) -> list[str]:
    """Return the labels with a wanted word, without those that were named for the other class."""
    return [
        name
        for name in names
        if name not in taken
        and wanted.intersection(words(name))
        and not _NEGATIONS.intersection(words(name))
    ]


def _camel_words(run: str) -> list[str]:
    """Split a run of letters where lower case meets upper case, and before ``Xx`` after ``XX``."""
    starts = [0]
    for index in range(1, len(run)):
        before, here, after = run[index - 1], run[index], run[index + 1 : index + 2]
        rises = before.islower() and here.isupper()
        ends_acronym = before.isupper() and here.isupper() and after.islower()
        if rises or ends_acronym:
            starts.append(index)
    return [
        run[start:end].casefold()
        for start, end in zip(starts, [*starts[1:], len(run)], strict=True)
    ]


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "it has no labels at all"
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return f"its labels are {_quoted(names[:_SHOWN_NAMES])}{more}"
