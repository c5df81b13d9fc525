// One proposal -> its imagery with the detected and the mapped outlines drawn over it.
"use strict";

(function (gp) {
  const POINT_PX = 5;
  const ZOOMS = [1, 1.5, 2, 3, 4];

  // An outline's rings in the chip's pixels, as SVG path text. move: [east, north] in metres.
  gp.pathText = function (outline, toPx, move) {
    const [a, b, c, d, e, f] = toPx;
    let text = "";
    for (const ring of outline.rings) {
      for (let i = 0; i < ring.length; i += 2) {
        const x = ring[i] / 100 + move[0];
        const y = ring[i + 1] / 100 + move[1];
        text += (i ? "L" : "M") + (a * x + b * y + c).toFixed(1) + " " + (d * x + e * y + f).toFixed(1);
      }
      if (outline.kind === "area") text += "Z";
    }
    return text;
  };

  function shape(outline, toPx, move, name) {
    if (outline.kind !== "point") {
      const path = gp.pathText(outline, toPx, move);
      // A dark line under a bright one is seen on any imagery.
      return gp.svg("g", { class: name + (outline.kind === "line" ? " line" : "") }, gp.svg("path", { d: path, class: "under" }), gp.svg("path", { d: path, class: "over" }));
    }
    const [x, y] = gp.pathText(outline, toPx, move).slice(1).split(/[L ]/).map(Number);
    return gp.svg("g", { class: name }, gp.svg("circle", { cx: x, cy: y, r: POINT_PX, class: "over" }));
  }

  // Outlines of one kind as one: sixty objects of a dense town are then drawn as three. Points stay single.
  function together(objects) {
    const kinds = ["area", "line"].map((kind) => ({ kind, rings: objects.filter((each) => each.outline.kind === kind).flatMap((each) => each.outline.rings) }));
    const points = objects.filter((each) => each.outline.kind === "point").map((each) => each.outline);
    return [...kinds.filter((each) => each.rings.length), ...points];
  }

  // Returns {show(change), frame(name?), outlines(on?), zoom(steps)}.
  gp.makeChip = function (data) {
    const picture = gp.byId("chip-svg");
    let shown = null;
    let frame = "imagery";
    let outlines = true;
    let zoom = 0;

    function viewBox(chip) {
      const [width, height] = chip.size;
      const factor = ZOOMS[zoom];
      const [w, h] = [width / factor, height / factor];
      return [(width - w) / 2, (height - h) / 2, w, h].join(" ");
    }

    function compared(change) {
      return new Set(change.osm.map((element) => element.ref));
    }

    function label(change) {
      const seen = change.near.map((at) => data.osm[at]).filter((object) => compared(change).has(object.ref));
      return "Imagery around a detected " + gp.words(change.label) + "; " + change.near.length + " OSM objects in view, " + seen.length + " of them compared with it";
    }

    function paint() {
      const change = shown;
      picture.replaceChildren();
      const note = gp.byId("chip-note");
      note.textContent = "";
      if (!change || !change.chip) {
        picture.setAttribute("aria-label", change ? "No outline to show" : "Nothing chosen");
        note.textContent = change ? "This row has no outline." : "";
        return;
      }
      const chip = change.chip;
      picture.setAttribute("viewBox", viewBox(chip));
      picture.setAttribute("aria-label", label(change));
      const ground = gp.svg("rect", { class: "ground", width: chip.size[0], height: chip.size[1] });
      picture.append(ground);
      if (chip.src) {
        const image = gp.svg("image", { href: chip.src, width: chip.size[0], height: chip.size[1], preserveAspectRatio: "none" });
        image.addEventListener("error", () => { note.textContent = "The imagery file " + chip.src + " is missing."; });
        picture.append(image);
      } else {
        note.textContent = "No imagery was written for this row.";
      }
      if (!outlines) return;
      const move = frame === "imagery" ? change.shift : [0, 0];
      const named = compared(change);
      const objects = change.near.map((at) => data.osm[at]);
      for (const group of together(objects.filter((each) => !named.has(each.ref)))) picture.append(shape(group, chip.to_px, move, "other"));
      for (const object of objects.filter((each) => named.has(each.ref))) picture.append(shape(object.outline, chip.to_px, move, "compared"));
      picture.append(shape(change.outline, chip.to_px, move, change.status === "osm_only" ? "compared" : "detected"));
    }

    return {
      show(change, following) {
        shown = change;
        paint();
        for (const next of following || []) if (next.chip && next.chip.src) new Image().src = next.chip.src;
      },
      frame(name) {
        if (name) { frame = name; paint(); }
        return frame;
      },
      outlines(on) {
        if (on !== undefined) { outlines = on; paint(); }
        return outlines;
      },
      zoom(steps) {
        zoom = Math.max(0, Math.min(ZOOMS.length - 1, zoom + steps));
        if (shown && shown.chip) picture.setAttribute("viewBox", viewBox(shown.chip));
      },
    };
  };
})(window.gp);
