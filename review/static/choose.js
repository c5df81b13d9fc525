// All proposals and the filter form's values -> the proposals to list, in order.
"use strict";

(function (gp) {
  const ORDERS = {
    doubt: ["most doubtful", (a, b) => b.doubt - a.doubt],
    score_low: ["lowest score", (a, b) => (a.score ?? 2) - (b.score ?? 2)],
    score_high: ["highest score", (a, b) => (b.score ?? -1) - (a.score ?? -1)],
    area: ["largest", (a, b) => (b.area_m2 ?? 0) - (a.area_m2 ?? 0)],
    place: ["north to south", (a, b) => (b.at ? b.at[1] : -91) - (a.at ? a.at[1] : -91)],
    file: ["run's order", () => 0],
  };

  // wanted: {status, label, reason, decision, sort, min, max}; "" takes all. Sorting is stable.
  gp.choose = function (changes, store, wanted) {
    const decidable = ["new", "review"];
    const kept = changes.filter((change) => {
      if (wanted.status === "decide" ? !decidable.includes(change.status) : wanted.status && change.status !== wanted.status) return false;
      if (wanted.label && change.label !== wanted.label) return false;
      if (wanted.reason && !change.reasons.includes(wanted.reason)) return false;
      if (change.score !== null && (change.score < wanted.min || change.score > wanted.max)) return false;
      return !wanted.decision || store.decision(change.id) === wanted.decision;
    });
    return kept.sort((ORDERS[wanted.sort] || ORDERS.doubt)[1]);
  };

  function options(select, pairs) {
    select.replaceChildren(...pairs.map(([value, text]) => gp.el("option", { value }, text)));
  }

  function counted(changes, of) {
    const counts = new Map();
    for (const change of changes) for (const value of of(change)) counts.set(value, (counts.get(value) || 0) + 1);
    return [...counts].sort().map(([value, count]) => [value, gp.words(value) + " (" + count + ")"]);
  }

  // Fills the form from the data, calls changed() on every change, and returns a function that reads it.
  gp.makeFilters = function (data, changed) {
    const changes = data.changes;
    const toDecide = changes.filter((change) => change.status === "new" || change.status === "review").length;
    options(gp.byId("f-status"), [["decide", "to decide (" + toDecide + ")"], ["", "all (" + changes.length + ")"], ...counted(changes, (c) => [c.status])]);
    options(gp.byId("f-label"), [["", "all"], ...counted(changes, (c) => [c.label])]);
    options(gp.byId("f-reason"), [["", "all"], ...counted(changes, (c) => new Set(c.reasons))]);
    options(gp.byId("f-decision"), [["", "any"], ["undecided", "undecided"], ["accepted", "accepted"], ["rejected", "rejected"], ["skipped", "skipped"]]);
    options(gp.byId("f-sort"), Object.entries(ORDERS).map(([value, [text]]) => [value, text]));
    const form = gp.byId("filters");
    form.addEventListener("input", changed);
    form.addEventListener("submit", (event) => event.preventDefault());
    const number = (id, otherwise) => {
      const value = gp.byId(id).valueAsNumber;
      return Number.isFinite(value) ? value : otherwise;
    };
    return () => ({
      status: gp.byId("f-status").value,
      label: gp.byId("f-label").value,
      reason: gp.byId("f-reason").value,
      decision: gp.byId("f-decision").value,
      sort: gp.byId("f-sort").value,
      min: number("f-min", 0),
      max: number("f-max", 1),
    });
  };
})(window.gp);
