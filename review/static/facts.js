// One proposal -> what is known about it, in words.
"use strict";

(function (gp) {
  const REASONS = {
    no_candidate: "nothing of its kind is mapped here",
    iou: "covers the same ground as a mapped object",
    containment: "lies inside a mapped object, or around it",
    line: "a mapped line runs along it",
    memory: "decided before",
    lifecycle: "a mapper marked the place as removed or disused",
    deleted_before: "was mapped and deleted before",
    one_det_many_osm: "covers several mapped objects",
    many_det_one_osm: "one of several inside one mapped object",
    poi_node: "already mapped as a point",
    class_conflict: "something of another kind is mapped here",
    partial_overlap: "overlaps a mapped object a little",
    osm_broken: "OSM has such an object here, with a broken outline",
    touching: "touches a mapped building",
    implausible_context: "lies where such a thing hardly can",
    crosses_line: "a road, railway or stream runs through it",
    size_shape: "unusual size or shape for its kind",
    osm_newer: "the place was edited after the imagery was taken",
    self_overlap: "overlaps another detection",
    offset_doubtful: "how far the imagery lies from OSM is not known well enough",
    outline_needed: "only the infield was seen, OSM wants the whole field",
    not_detected: "OSM has it, the detector did not find it",
    low_score: "the detector is unsure",
    edge: "lies at the edge of the imagery or the extract",
  };

  const metres = (value) => (value === null ? "none near" : value.toFixed(1) + " m");
  const share = (value) => (value === null ? "–" : Math.round(value * 100) + " %");

  function tagTable(tags) {
    if (tags.length === 0) return gp.el("span", { class: "quiet" }, "none");
    return gp.el("ul", { class: "tags" }, ...tags.map(([key, value]) => gp.el("li", {}, gp.el("code", {}, key + "=" + value))));
  }

  function elementLink(ref) {
    if (!/^(node|way|relation)\/[1-9]\d*$/.test(ref)) return gp.el("span", {}, ref);
    return gp.el("a", { href: "https://www.openstreetmap.org/" + ref, target: "_blank", rel: "noopener noreferrer" }, ref);
  }

  function reasonItem(reason) {
    const said = Object.hasOwn(REASONS, reason) ? REASONS[reason] : "";
    return gp.el("li", {}, said || gp.words(reason), said ? gp.el("small", {}, " " + reason) : null);
  }

  function osmItem(element, objects) {
    const object = objects.find((each) => each.ref === element.ref);
    const age = [element.version ? "version " + element.version : "", element.timestamp.slice(0, 10)].filter(Boolean).join(", ");
    const named = object && object.tags.find(([key]) => key === "name");
    return gp.el("li", {}, elementLink(element.ref), named ? gp.el("b", {}, " " + named[1]) : null, age ? gp.el("small", {}, " " + age) : null, object ? tagTable(object.tags) : null);
  }

  function offsetText(shift) {
    const [east, north] = shift;
    if (Math.hypot(east, north) < 0.005) return "none";
    return Math.hypot(east, north).toFixed(2) + " m (" + (east >= 0 ? "+" : "") + east.toFixed(2) + " east, " + (north >= 0 ? "+" : "") + north.toFixed(2) + " north)";
  }

  // Fills the facts panel for one change.
  gp.showFacts = function (change, data, entry) {
    const objects = change.near.map((at) => data.osm[at]);
    const rows = [];
    const fact = (name, value) => rows.push(gp.el("dt", {}, name), gp.el("dd", {}, value));
    const status = gp.el("span", { class: "badge status-" + change.status }, gp.words(change.status));
    fact("Status", status);
    fact("Why", gp.el("ul", { class: "reasons" }, ...change.reasons.map(reasonItem)));
    if (change.qa.length) fact("Notes", gp.el("ul", { class: "reasons" }, ...change.qa.map((note) => gp.el("li", {}, gp.words(note)))));
    fact("Tags proposed", tagTable(change.tags));
    if (change.osm.length) fact("Compared with", gp.el("ul", { class: "osm" }, ...change.osm.map((element) => osmItem(element, objects))));
    fact("Score", (change.score === null ? "–" : change.score.toFixed(2)) + ", doubt " + change.doubt.toFixed(2));
    fact("Area", change.area_m2 === null ? "–" : Math.round(change.area_m2) + " m²");
    fact("Outline", gp.words(change.shape || "free") + (change.shape_residual ? ", fit residual " + change.shape_residual.toFixed(2) + " m" : ""));
    if (change.osm.length) fact("Overlap", "IoU " + (change.iou === null ? "–" : change.iou.toFixed(2)) + "; " + share(change.cov_det) + " of it is mapped, it covers " + share(change.cov_osm) + " of that");
    fact("Nearest alike", metres(change.nearest_m));
    fact("Imagery offset", offsetText(change.shift));
    if (change.at) {
      const place = change.at[1].toFixed(5) + ", " + change.at[0].toFixed(5);
      fact("Place", gp.el("a", { href: "https://www.openstreetmap.org/#map=19/" + change.at[1] + "/" + change.at[0], target: "_blank", rel: "noopener noreferrer" }, place));
    }
    if (change.proposal) fact("Proposal", gp.el("code", {}, change.proposal));
    fact("Id", gp.el("code", {}, change.id));
    if (entry && entry.when) fact("Decided", entry.decision + (entry.reason ? " (" + gp.words(entry.reason) + ")" : "") + (entry.who ? " by " + entry.who : "") + ", " + entry.when.replace("T", " "));
    gp.byId("facts").replaceChildren(gp.el("dl", {}, ...rows));
  };
})(window.gp);
