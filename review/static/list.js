// The proposals chosen -> a list of which only the rows in view exist, so that ten thousand cost what forty do.
"use strict";

(function (gp) {
  const SPARE_ROWS = 6;
  const MARKS = { accepted: "✓", rejected: "✗", skipped: "…", undecided: "" };

  // pick(index) is called when a row is clicked. Returns {show, select, refresh}.
  gp.makeList = function (store, pick) {
    const box = gp.byId("list");
    const room = gp.byId("list-room");
    let rows = [];
    let selected = -1;
    let waiting = false;
    const made = new Map(); // number of a row in view -> {said, node}; one that says the same stays as it is

    const height = () => parseFloat(getComputedStyle(box).getPropertyValue("--row-height")) || 52;
    const rowHeight = height();

    function rowOf(index) {
      const change = rows[index];
      const decision = store.decision(change.id);
      const said = decision === "undecided" ? "" : ", " + decision;
      const score = change.score === null ? "–" : change.score.toFixed(2);
      const row = gp.el("div", {
        role: "option", id: "row-" + index, class: "row is-" + decision, "aria-selected": index === selected,
        "aria-posinset": index + 1, "aria-setsize": rows.length, "data-index": index,
        "aria-label": gp.words(change.label) + ", " + gp.words(change.status) + ", score " + score + said,
      },
        gp.el("span", { class: "swatch label-" + change.label }),
        gp.el("span", { class: "row-main" }, gp.el("b", {}, gp.words(change.label)), gp.el("small", {}, gp.words(change.status) + (change.reasons.length ? " · " + change.reasons.map(gp.words).join(", ") : ""))),
        gp.el("span", { class: "row-score" }, score),
        gp.el("span", { class: "row-mark" }, MARKS[decision]));
      row.style.top = index * rowHeight + "px";
      return row;
    }

    function nodeOf(index) {
      const said = store.decision(rows[index].id) + (index === selected);
      const before = made.get(index);
      if (before?.said === said) return before.node;
      const node = rowOf(index);
      before?.node.replaceWith(node);
      made.set(index, { said, node });
      return node;
    }

    function paint() {
      waiting = false;
      const first = Math.max(0, Math.floor(box.scrollTop / rowHeight) - SPARE_ROWS);
      const last = Math.min(rows.length, Math.ceil((box.scrollTop + box.clientHeight) / rowHeight) + SPARE_ROWS);
      for (const [index, { node }] of made) {
        if (index >= first && index < last) continue;
        node.remove();
        made.delete(index);
      }
      let next = room.firstChild;
      for (let index = first; index < last; index++) {
        const node = nodeOf(index);
        if (node.parentNode === room) next = node.nextSibling;
        else room.insertBefore(node, next);
      }
      if (selected >= first && selected < last) box.setAttribute("aria-activedescendant", "row-" + selected);
      else box.removeAttribute("aria-activedescendant");
    }

    function refresh() {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(paint);
    }

    box.addEventListener("scroll", refresh, { passive: true });
    window.addEventListener("resize", refresh);
    room.addEventListener("click", (event) => {
      const row = event.target.closest("[data-index]");
      if (row) pick(Number(row.getAttribute("data-index")));
    });

    return {
      refresh,
      show(changes) {
        rows = changes;
        selected = -1;
        made.clear();
        room.replaceChildren();
        room.style.height = rows.length * rowHeight + "px";
        box.scrollTop = 0;
        paint();
      },
      select(index) {
        selected = index;
        const top = index * rowHeight;
        if (top < box.scrollTop) box.scrollTop = top - rowHeight;
        else if (top + rowHeight > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * rowHeight - box.clientHeight;
        refresh();
      },
    };
  };
})(window.gp);
