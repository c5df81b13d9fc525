"""Every threshold of the comparison with OSM -> one frozen record, the ``[diff]`` table of region files."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from groundplan.errors import ConfigError
from groundplan.labels import LABEL_IDS

REACH_M = 500.0
"""OSM elements further from all detections than this are not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffOptions:
    """Thresholds of offset, matching, decisions and proposals; shares are 0..1."""

    # --- offset of the imagery ---
    offset: Literal["auto", "off"] = "auto"
    """"auto" estimates how detections lie to OSM and takes it out; "off" compares them as they are."""
    offset_search_m: float = 12.0
    """Largest displacement between centroids that is still looked at for a pair."""
    offset_max_m: float = 10.0
    """A longer offset is not believed: every proposal becomes review."""
    offset_iou: float = 0.4
    """Pairs overlap at least so much once the current offset is taken out."""
    offset_area_ratio: float = 0.8
    """Smaller area over larger area of a pair, at least."""
    offset_min_pairs: int = 30
    """A cell with fewer pairs takes its neighbourhood's or the global value."""
    offset_min_pairs_global: int = 10
    """With fewer pairs in the whole region no offset is taken out."""
    offset_precision_m: float = 0.3
    """1.25 MAD / sqrt(n) must be below this for a value to be used."""
    offset_cell_m: float = 1500.0
    """Side of the square cells that get their own offset; 0 = one offset for the region."""
    offset_cell_sample: int = 150
    """At most so many detections of a cell take part in the estimate; it bounds the time."""
    offset_rival_share: float = 0.8
    """Another offset with such a share of the pairs may be the right one as well: proposals become review."""
    offset_disagreement_m: float = 2.0
    """Neighbouring cells that differ by more make every proposal review."""

    # --- matching ---
    search_m: float = 10.0
    """How far around a detection the nearest element of its family is looked for."""
    match_iou: float = 0.5
    """Row 5: the same object from this IoU on."""
    match_coverage: float = 0.6
    """Row 5: the same object when either covers so much of the other (a court's lines inside its fence)."""
    match_area_ratio: float = 0.3
    """Row 5: matches of more unequal area (smaller over larger) are reported as groups."""
    group_osm_coverage: float = 0.5
    """Row 3: an element belongs to a detection that covers so much of it."""
    group_det_coverage: float = 0.7
    """Row 4: a detection belongs to an element that covers so much of it."""
    overlap_free: float = 0.01
    """Row 9: a new feature may share at most this part of the smaller area with its family."""
    lifecycle_coverage: float = 0.3
    """Row 2: share of a detection inside an object that OSM says is gone or out of use."""
    conflict_coverage: float = 0.3
    """Row 8: a pitch of another or no sport that overlaps so much is a conflict."""
    node_buffer_m: float = 5.0
    """Row 6: a node this near belongs to the detection."""
    line_share: float = 0.5
    """Row 7: share of a track's centre line inside the detection."""
    touching_gap_m: float = 0.5
    """Row 10: buildings nearer than this touch."""
    touching_cut_m: float = 0.1
    """Row 10: distance that cutting leaves between a new building and its neighbour."""
    touching_keep: float = 0.95
    """Row 10: share of the area that must remain after cutting."""
    pitch_building_coverage: float = 0.2
    """Row 11: share of a pitch that may lie under a building."""
    context_coverage: float = 0.5
    """Row 11: a building inside a pitch, water or a pool by this share is implausible."""
    crossing_shrink_m: float = 1.0
    """Row 12: detections are shrunk so much before roads, rails and waterways are laid over them."""
    crossing_length_m: float = 2.0
    """Row 12: length of a road, rail or waterway that may lie inside."""
    min_score: Mapping[str, float] = field(default_factory=lambda: {"default": 0.5})
    """Row 16: least score of a new feature, by label; "default" is for labels not named."""
    outfield_min_area_m2: float = 2500.0
    """A baseball wedge of this size or more shows the outfield; smaller ones are infields, which OSM does not
    map alone."""
    edge_margin_m: float = 200.0
    """The extract should reach so far beyond the detections; else there is a warning."""

    # --- memory ---
    rejections: Literal["keep", "expire"] = "keep"
    """"keep": what a person rejected never comes back; "expire": it does on newer imagery than it was
    rejected on."""

    # --- geometry of proposals ---
    proposal_frame: Literal["osm", "imagery"] = "osm"
    """"osm" draws proposals where OSM has its objects, with the offset taken out; "imagery" where the imagery
    shows them, for mappers who set the offset in their editor."""
    simplify_m: float = 0.2
    """Tolerance of the simplification before rounding."""
    min_hole_m2: float = 4.0
    """Smaller holes are closed."""
    max_ring_nodes: int = 200
    """Rings with more nodes are simplified further; OSM's own limit is 2,000."""

    # --- files ---
    batch_features: int = 200
    """Most features in one proposal file; OSMCha flags changesets with more."""
    batch_elements: int = 9500
    """Most nodes, ways and relations in one proposal file; OSM's own limit is 10,000."""
    batch_extent_m: float = 10_000.0
    """Longest diagonal of one proposal file."""
    propose: Literal["auto", "new", "accepted"] = "auto"
    """Which rows become proposals: "new" = all of status new; "accepted" = only those a person accepted;
    "auto" = the accepted ones as soon as one is accepted, all new ones before."""
    track_tags: Literal["athletics", "running"] = "athletics"
    """Value of ``sport`` on a running track; editors' presets disagree."""
    changeset_url: str = ""
    """Page of the import plan, for the suggested changeset tags; empty = none."""

    def __post_init__(self) -> None:
        for name in _SHARES:
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ConfigError(f"diff.{name}={value} is not a share; choose a number from 0 to 1")
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, int | float) and each.name not in _SHARES and value < 0:
                raise ConfigError(f"diff.{each.name}={value} is negative; choose 0 or more")
        for name in ("search_m", "node_buffer_m", "touching_gap_m", "offset_search_m"):
            if getattr(self, name) > REACH_M:
                raise ConfigError(
                    f"diff.{name}={getattr(self, name):g} is too far; OSM is looked at up to {REACH_M:g} m around"
                )
        if self.batch_features < 1 or not 100 <= self.batch_elements <= 10_000:
            raise ConfigError(
                f"diff.batch_features={self.batch_features}, diff.batch_elements={self.batch_elements} do not "
                "fit; choose at least 1 feature and 100 to 10,000 elements, OSM's limit for a changeset"
            )
        if not 8 <= self.max_ring_nodes <= 1999:
            raise ConfigError(
                f"diff.max_ring_nodes={self.max_ring_nodes} does not fit; choose 8 to 1999, OSM's limit is 2,000"
            )
        choices = {"offset": ("auto", "off"), "propose": ("auto", "new", "accepted")}
        choices |= {"track_tags": ("athletics", "running"), "rejections": ("keep", "expire")}
        choices["proposal_frame"] = ("osm", "imagery")
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"diff.{name}={getattr(self, name)!r} is unknown; choose {' or '.join(allowed)}")
        for label, score in self.min_score.items():
            if label not in LABEL_IDS and label != "default":
                raise ConfigError(f"diff.min_score names {label!r}; labels are {', '.join(LABEL_IDS)} and default")
            if not 0.0 <= score <= 1.0:
                raise ConfigError(f"diff.min_score.{label}={score} is not a score; choose a number from 0 to 1")

    def least_score(self, label: str) -> float:
        """Return the least score at which a feature of this label is new."""
        return float(self.min_score.get(label, self.min_score.get("default", 0.5)))


_SHARES = frozenset(
    {
        "offset_iou",
        "offset_area_ratio",
        "match_iou",
        "match_coverage",
        "match_area_ratio",
        "group_osm_coverage",
        "group_det_coverage",
        "overlap_free",
        "lifecycle_coverage",
        "conflict_coverage",
        "line_share",
        "touching_keep",
        "pitch_building_coverage",
        "context_coverage",
    }
)
