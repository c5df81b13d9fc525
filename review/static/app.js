// The page's data and the reviewer's keys and clicks -> what is shown and what is decided.
"use strict";

(function (gp) {
  const data = window.GROUNDPLAN_REVIEW;

  function notice(text) {
    const box = gp.byId("notice");
    box.textContent = text;
    box.hidden = !text;
  }

  if (!data || data.form !== "groundplan-review/1") {
    notice("The page's data (data.js beside index.html) are missing or of another form; write the review page anew.");
    return;
  }

  const store = gp.makeStore(data);
  const chip = gp.makeChip(data);
  const server = gp.makeServer(store, (text) => { gp.byId("saved").textContent = text; });
  const list = gp.makeList(store, (index) => select(index));
  const map = gp.makeMap(data, store, (index) => select(index));
  // Another order begins at its first; another filter stays with the proposal where it is still listed.
  const wanted = gp.makeFilters(data, (event) => choose(event.target.id === "f-sort" ? null : current() && current().id));
  let rows = [];
  let at = -1;

  const current = () => rows[at] || null;
  const who = () => gp.byId("who").value.trim();

  function showProgress() {
    const count = store.counts();
    const decided = count.accepted + count.rejected;
    gp.byId("progress").max = Math.max(1, count.total);
    gp.byId("progress").value = decided;
    gp.byId("progress-text").textContent = decided + " of " + count.total + " decided: " + count.accepted + " accepted, " + count.rejected + " rejected" + (count.skipped ? ", " + count.skipped + " skipped" : "");
    document.title = (count.total && decided === count.total ? "Done: " : "(" + (count.total - decided) + ") ") + data.region;
    if (!store.keeps()) notice("This browser does not keep the decisions. Download them before you close the page.");
  }

  function showCurrent() {
    const change = current();
    const may = change !== null && store.decidable(change);
    for (const id of ["accept", "reject", "skip"]) gp.byId(id).disabled = !may;
    gp.byId("previous").disabled = at <= 0;
    gp.byId("next").disabled = at < 0 || at >= rows.length - 1;
    gp.byId("chip-title").textContent = change ? gp.words(change.label) : "Nothing to show";
    const decision = change ? store.decision(change.id) : "undecided";
    const verdict = gp.byId("verdict");
    verdict.className = "verdict is-" + decision;
    verdict.textContent = !change ? "" : !may ? "for information, nothing to decide" : decision;
    chip.show(change, rows.slice(at + 1, at + 3));
    if (change) gp.showFacts(change, data, store.get(change.id));
    else gp.byId("facts").replaceChildren();
  }

  function select(index) {
    if (index < 0 || index >= rows.length) return;
    at = index;
    list.select(index);
    map.select(index);
    showCurrent();
    store.remember("last", rows[index].id);
  }

  function choose(keepId) {
    rows = gp.choose(data.changes, store, wanted());
    at = -1;
    list.show(rows);
    map.show(rows);
    gp.byId("count").textContent = rows.length + (rows.length === 1 ? " proposal" : " proposals") + " listed";
    const found = rows.findIndex((change) => change.id === keepId);
    if (rows.length) select(Math.max(0, found));
    else showCurrent();
  }

  const open = (change) => store.decidable(change) && store.decision(change.id) === "undecided";

  // To the next undecided one, behind the last of the list from its start again.
  function goOn() {
    let next = rows.findIndex((change, index) => index > at && open(change));
    if (next < 0) next = rows.findIndex(open);
    if (next >= 0) return select(next);
    notice("All " + rows.length + " listed are decided or skipped.");
    showCurrent();
  }

  // changed: the one proposal decided anew; without it any may have changed.
  function after(changed) {
    list.refresh();
    if (changed) map.decided(changed);
    else map.refresh();
    showProgress();
    server.push();
  }

  function decide(decision, reason) {
    const change = current();
    if (!change || !store.decidable(change)) return;
    notice("");
    store.set(change.id, decision, reason || "", who());
    goOn();
    after(change);
  }

  function undo() {
    const id = store.undo(who());
    if (id === null) return;
    const index = rows.findIndex((change) => change.id === id);
    notice(index >= 0 ? "" : "Undone, though the filters hide it: " + id);
    if (index >= 0) select(index);
    else showCurrent();
    after(rows[index]);
  }

  // A rejection asks for its reason: a digit or a click answers.
  const reasons = gp.byId("reasons");
  function reject() {
    if (!current() || !store.decidable(current())) return;
    gp.byId("reason-text").value = "";
    reasons.showModal();
    gp.byId("reason-list").querySelector("button").focus();
  }
  function rejectFor(reason) {
    reasons.close();
    decide("rejected", reason);
  }
  data.reject_reasons.forEach(([slug, text], number) => {
    const button = gp.el("button", { type: "button", "data-reason": slug }, gp.el("kbd", {}, number + 1), " " + text);
    button.addEventListener("click", () => rejectFor(slug));
    gp.byId("reason-list").append(gp.el("li", {}, button));
  });
  gp.byId("reason-send").addEventListener("click", () => rejectFor(gp.byId("reason-text").value.trim() || "other"));
  gp.byId("reason-cancel").addEventListener("click", () => reasons.close());
  reasons.addEventListener("keydown", (event) => {
    if (event.target.id === "reason-text") {
      if (event.key === "Enter") { event.preventDefault(); rejectFor(event.target.value.trim() || "other"); }
      return;
    }
    const chosen = data.reject_reasons[Number(event.key) - 1];
    if (chosen) { event.preventDefault(); rejectFor(chosen[0]); }
  });

  function setFrame(name) {
    chip.frame(name);
    gp.byId("frame-" + name).checked = true;
  }
  function setOutlines(on) {
    chip.outlines(on);
    gp.byId("outlines").checked = on;
  }
  const download = () => gp.download(store.text());

  const keys = gp.byId("keys");
  const ACTIONS = {
    j: () => select(at + 1), k: () => select(at - 1), arrowright: () => select(at + 1), arrowleft: () => select(at - 1),
    arrowdown: () => select(at + 1), arrowup: () => select(at - 1),
    a: () => decide("accepted"), r: reject, s: () => decide("skipped"), u: undo,
    f: () => setFrame(chip.frame() === "imagery" ? "osm" : "imagery"), o: () => setOutlines(!chip.outlines()),
    "+": () => chip.zoom(1), "=": () => chip.zoom(1), "-": () => chip.zoom(-1), d: download, "?": () => keys.showModal(),
  };
  const DECIDE = ["a", "r", "s", "u"];
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const field = event.target.closest("input:not([type=checkbox]):not([type=radio]), select, textarea");
    if (field && event.key === "Escape") field.blur();
    // A field of a dialog closed this moment still has the focus until the next frame; its keys are ours again.
    if ((field && !field.closest("dialog")) || (event.key.startsWith("Arrow") && event.target.closest("#map, input[type=radio]"))) return;
    const action = ACTIONS[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    // A key held down repeats: it may walk through the list, but each decision is a press of its own.
    if (!(event.repeat && DECIDE.includes(event.key.toLowerCase()))) action();
  });
  const clicks = {
    previous: ACTIONS.k, next: ACTIONS.j, accept: ACTIONS.a, reject, skip: ACTIONS.s, undo, download,
    help: ACTIONS["?"], "keys-close": () => keys.close(), "zoom-in": ACTIONS["+"], "zoom-out": ACTIONS["-"],
    load: () => gp.byId("load-file").click(),
  };
  for (const [id, action] of Object.entries(clicks)) gp.byId(id).addEventListener("click", action);
  for (const name of ["imagery", "osm"]) gp.byId("frame-" + name).addEventListener("change", () => setFrame(name));
  gp.byId("outlines").addEventListener("change", (event) => setOutlines(event.target.checked));
  gp.byId("who").value = store.recall("who") || "";
  gp.byId("who").addEventListener("change", () => store.remember("who", who()));
  gp.byId("load-file").addEventListener("change", async (event) => {
    const { lines, bad } = gp.parseLines(await event.target.files[0].text());
    const taken = store.load(lines, who());
    notice(taken + " decisions taken over" + (lines.length - taken + bad ? "; " + (lines.length - taken + bad) + " lines are about other proposals, older, or unreadable" : "") + ".");
    event.target.value = "";
    showCurrent();
    after();
  });

  gp.byId("title").textContent = gp.visible(data.region);
  const imagery = data.imagery;
  const credits = ["Imagery: " + [imagery.id, imagery.date, imagery.licence, imagery.attribution].filter(Boolean).join(", "), "Map data © OpenStreetMap contributors, ODbL 1.0", "Map drawn with Leaflet"];
  gp.byId("foot").append(...credits.map((text) => gp.el("span", {}, text)));
  const linked = data.changes.find((change) => location.hash === "#" + encodeURIComponent(change.id));
  choose(linked ? linked.id : store.recall("last"));
  showProgress();
  server.load().then((taken) => {
    if (taken) showCurrent();
    after();
  });
})(window.gp);
