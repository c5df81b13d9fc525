// Decisions made so far: kept in the browser one entry a proposal, with undo, and as lines of decisions.jsonl.
"use strict";

(function (gp) {
  const UNDO_LIMIT = 200;
  const NONE = Object.freeze({ decision: "undecided", reason: "", who: "", when: "" });

  // data: the page's data. An entry is {decision, reason, who, when, shown}; decision is accepted, rejected, skipped
  // (kept in the browser only) or pending (a decision that came with the run, taken back); shown is what was seen.
  // Every change of what the file should say becomes a line in the outbox, in order, until the server has it.
  gp.makeStore = function (data) {
    const prefix = "groundplan-review/" + data.region + "/" + data.imagery.id + "/";
    const byId = new Map(data.changes.map((change) => [change.id, change]));
    const fromRun = new Map(data.changes.filter((change) => change.review === "accepted" || change.review === "rejected")
      .map((change) => [change.id, { ...NONE, decision: change.review }]));
    const entries = new Map();
    const outbox = new Map();
    let history = [];
    let sequence = 0;
    let kept = true;

    // Accepted when OSM had something else there: the comparison says so, and the person has to look again.
    function lapsed(id, entry) {
      const change = byId.get(id);
      return entry.decision === "accepted" && change.qa.includes("accepted_before_look_again") && entry.shown !== change.shown;
    }

    function write(key, value) {
      try {
        if (value === null) localStorage.removeItem(prefix + key);
        else localStorage.setItem(prefix + key, JSON.stringify(value));
      } catch {
        kept = false; // full or switched off: the page says so, and the download still works
      }
    }

    function readAll() {
      try {
        const queued = [];
        for (let i = 0; i < localStorage.length; i++) {
          const key = localStorage.key(i);
          if (!key.startsWith(prefix)) continue;
          const name = key.slice(prefix.length);
          const value = JSON.parse(localStorage.getItem(key));
          if (name.startsWith("d/") && byId.has(name.slice(2)) && !lapsed(name.slice(2), value)) entries.set(name.slice(2), value);
          else if (name.startsWith("o/") && byId.has(value.id)) queued.push([Number(name.slice(2)), value]);
          else if (name === "undo") history = value.filter(([id]) => byId.has(id));
        }
        queued.sort((a, b) => a[0] - b[0]).forEach(([number, item]) => outbox.set(number, item));
        sequence = queued.length ? queued.at(-1)[0] + 1 : 0;
      } catch {
        kept = false;
      }
    }

    const entryOf = (id) => entries.get(id) || fromRun.get(id) || NONE;
    // What the file should say of a proposal: an entry that is accepted or rejected, or none.
    const said = (id) => (["accepted", "rejected"].includes(entryOf(id).decision) ? entryOf(id) : NONE);
    const now = () => new Date().toISOString().replace(/\.\d+Z$/, "Z");

    function queue(id, entry, who) {
      if (!gp.token()) return;
      const { decision, reason } = entry;
      const item = { id, decision: decision === "undecided" ? "pending" : decision, reason, who, when: now() };
      outbox.set(sequence, item);
      write("o/" + sequence, item);
      sequence += 1;
    }

    // Puts an entry (null: none of its own) and queues a line when the file should say something else now.
    function put(id, entry, who) {
      const before = said(id);
      if (entry === null) entries.delete(id);
      else entries.set(id, entry);
      write("d/" + id, entry);
      const after = said(id);
      if (after.decision !== before.decision || after.reason !== before.reason) queue(id, after, who);
    }

    function lineOf(id, { decision, reason, who, when }) {
      const change = byId.get(id);
      return { id, label: change.label, polygon: change.polygon, decision, reason: gp.plain(reason), who: gp.plain(who), when, imagery: data.imagery.id, shown: change.shown };
    }

    const text = (value) => (typeof value === "string" ? value : "");
    const known = (line) => byId.has(line.id) && ["accepted", "rejected", "pending"].includes(line.decision);
    const entryFrom = (line) => ({ decision: line.decision, reason: text(line.reason), who: text(line.who), when: text(line.when), shown: text(line.shown) });

    const store = {
      get: entryOf,
      decision(id) {
        const { decision } = entryOf(id);
        return decision === "pending" ? "undecided" : decision;
      },
      decidable: (change) => change.status === "new" || change.status === "review",
      keeps: () => kept,
      set(id, decision, reason, who) {
        history.push([id, entries.get(id) || null]);
        if (history.length > UNDO_LIMIT) history.shift();
        write("undo", history);
        put(id, { decision, reason, who, when: now(), shown: byId.get(id).shown }, who);
      },
      // Takes the last step back and returns the id it was about, or null.
      undo(who) {
        const step = history.pop();
        if (!step) return null;
        write("undo", history);
        put(step[0], step[1], who);
        return step[0];
      },
      // Takes over lines that a person chose to load: the later one of theirs and ours counts.
      load(lines, who) {
        let taken = 0;
        for (const line of lines.filter((each) => known(each) && !lapsed(each.id, each))) {
          const mine = entries.get(line.id);
          if (mine && Date.parse(mine.when) > Date.parse(line.when)) continue;
          put(line.id, line.decision === "pending" && !fromRun.has(line.id) ? null : entryFrom(line), who);
          taken += 1;
        }
        return taken;
      },
      // Takes over what the server's file says, except where a line of ours is still on its way. Decisions that
      // only the browser has are queued again, so that the file has them too.
      synchronise(lines) {
        const file = new Map(lines.filter(known).map((line) => [line.id, line]));
        const underway = new Set([...outbox.values()].map((item) => item.id));
        for (const [id, line] of file) {
          if (underway.has(id) || lapsed(id, line)) continue;
          const skipped = line.decision === "pending" && entryOf(id).decision === "skipped";
          const entry = line.decision === "pending" && !fromRun.has(id) ? null : entryFrom(line);
          if (skipped) continue;
          if (entry === null) entries.delete(id);
          else entries.set(id, entry);
          write("d/" + id, entry);
        }
        for (const id of entries.keys()) {
          if (!file.has(id) && !underway.has(id) && said(id) !== NONE) queue(id, said(id), said(id).who);
        }
        return file.size;
      },
      // The oldest line the server does not have yet, as [number, line], or null.
      firstUnsent() {
        for (const [number, item] of outbox) return [number, lineOf(item.id, item)];
        return null;
      },
      unsentCount: () => outbox.size,
      sent(number) {
        outbox.delete(number);
        write("o/" + number, null);
      },
      // The text of decisions.jsonl: one line a proposal, in the run's order; skipped ones are left out.
      text() {
        let out = "";
        for (const { id } of data.changes) {
          const entry = entries.get(id);
          if (!entry) continue;
          if (said(id) !== NONE) out += JSON.stringify(lineOf(id, entry)) + "\n";
          else if (fromRun.has(id)) out += JSON.stringify(lineOf(id, { ...entry, decision: "pending", reason: "" })) + "\n";
        }
        return out;
      },
      // Over the proposals to decide on: those undecided are all that no entry is about.
      counts() {
        const count = { total: toDecide, accepted: 0, rejected: 0, skipped: 0 };
        for (const id of new Set([...fromRun.keys(), ...entries.keys()])) {
          const decision = store.decision(id);
          if (decision !== "undecided" && store.decidable(byId.get(id))) count[decision] += 1;
        }
        return count;
      },
      remember: (key, value) => write("page/" + key, value),
      recall(key) {
        try {
          return JSON.parse(localStorage.getItem(prefix + "page/" + key));
        } catch {
          return null;
        }
      },
    };
    const toDecide = data.changes.filter(store.decidable).length;
    readAll();
    return store;
  };
})(window.gp);
