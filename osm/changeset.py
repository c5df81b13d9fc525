"""A batch and its imagery -> the tags suggested for the changeset in which a person uploads it."""

from collections import Counter
from collections.abc import Sequence

from groundplan.records import Imagery
from osm.elements import Proposal
from osm.xml import MAX_TEXT

WORDS = {
    "building": ("building", "buildings"),
    "tennis_court": ("tennis court", "tennis courts"),
    "basketball_court": ("basketball court", "basketball courts"),
    "baseball_diamond": ("baseball field", "baseball fields"),
    "soccer_field": ("soccer pitch", "soccer pitches"),
    "american_football_field": ("American football field", "American football fields"),
    "running_track": ("running track", "running tracks"),
}


def changeset_tags(proposals: Sequence[Proposal], *, imagery: Imagery, plan_url: str = "") -> dict[str, str]:
    """Return suggested changeset tags; the editor adds ``created_by``, the person edits the comment.

    Parameters
    ----------
    proposals : sequence of Proposal
    imagery : Imagery
        Becomes ``source``, ``source:license`` and, where a credit is asked for, ``source:attribution``.
    plan_url : str
        Page of the import plan; given, the changeset says that it is an import.
    """
    counts = Counter(each.label for each in proposals)
    phrases = [f"{counts[label]} {words[counts[label] != 1]}" for label, words in WORDS.items() if counts[label]]
    listed = " and ".join([", ".join(phrases[:-1]), phrases[-1]] if len(phrases) > 1 else phrases)
    source = imagery.id if imagery.date is None else f"{imagery.id} ({imagery.date.isoformat()})"
    tags = {
        "comment": f"Add {listed} seen on aerial imagery",
        "source": source,
        "source:license": imagery.licence,
        "bot": "no",
    }
    if imagery.attribution:
        tags["source:attribution"] = imagery.attribution
    if plan_url:
        tags |= {"import": "yes", "url": plan_url}
    return {key: value[:MAX_TEXT] for key, value in tags.items()}
