// Decisions made so far: kept in the browser one entry a proposal, with undo, and as lines of decisions.jsonl.
"use strict";

(function (gp) {
  const UNDO_LIMIT = 200;

  // data: the page's data. Returns the store. An entry is {decision, reason, who, when, sent}; decision is
  // accepted, rejected, skipped (kept here only) or pending (an earlier decision of the run taken back).
  gp.makeStore = function (data) {
    const prefix = "groundplan-review/" + data.region + "/" + data.imagery.id + "/";
    const byId = new Map(data.changes.map((change) => [change.id, change]));
    const entries = new Map();
    const fromRun = new Map();
    let history = [];
    let kept = true;

    for (const change of data.changes) {
      if (change.review === "accepted" || change.review === "rejected") {
        fromRun.set(change.id, { decision: change.review, reason: "", who: "", when: "", sent: true });
      }
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
        for (let i = 0; i < localStorage.length; i++) {
          const key = localStorage.key(i);
          if (!key.startsWith(prefix + "d/")) continue;
          const id = key.slice(prefix.length + 2);
          if (byId.has(id)) entries.set(id, JSON.parse(localStorage.getItem(key)));
        }
        history = JSON.parse(localStorage.getItem(prefix + "undo") || "[]");
      } catch {
        kept = false;
      }
    }

    function put(id, entry) {
      if (entry === null) entries.delete(id);
      else entries.set(id, entry);
      write("d/" + id, entry);
    }

    const now = () => new Date().toISOString().replace(/\.\d+Z$/, "Z");

    const store = {
      get: (id) => entries.get(id) || fromRun.get(id) || null,
      decision(id) {
        const entry = store.get(id);
        return entry === null || entry.decision === "pending" ? "undecided" : entry.decision;
      },
      decidable: (change) => change.status === "new" || change.status === "review",
      keeps: () => kept,
      set(id, decision, reason, who) {
        history.push([id, entries.get(id) || null]);
        if (history.length > UNDO_LIMIT) history.shift();
        put(id, { decision, reason, who, when: now(), sent: decision === "skipped" });
        write("undo", history);
      },
      // Takes the last step back and returns the id it was about, or null.
      undo(who) {
        const step = history.pop();
        if (!step) return null;
        const [id, before] = step;
        const current = entries.get(id);
        // A line already saved cannot be unwritten: what held before is written again, or "pending".
        const known = current && current.decision !== "skipped" ? { who, when: now(), sent: false } : {};
        if (before !== null) put(id, { ...before, ...(before.decision === "skipped" ? {} : known) });
        else if (known.when && gp.token()) put(id, { decision: "pending", reason: "", ...known });
        else put(id, null);
        write("undo", history);
        return id;
      },
      // Takes over decisions read from a file: the later one about an id wins.
      merge(lines) {
        let taken = 0;
        for (const line of lines) {
          const change = byId.get(line.id);
          if (!change || !["accepted", "rejected", "pending"].includes(line.decision)) continue;
          const mine = entries.get(line.id);
          if (mine && mine.sent === false && Date.parse(mine.when) > Date.parse(line.when)) continue;
          const text = (value) => (typeof value === "string" ? value : "");
          put(line.id, { decision: line.decision, reason: text(line.reason), who: text(line.who), when: text(line.when), sent: line.sent !== false });
          taken += 1;
        }
        return taken;
      },
      unsent: () => [...entries].filter(([, entry]) => entry.sent === false).map(([id]) => id),
      sent(id, when) {
        const entry = entries.get(id);
        if (entry && entry.when === when) put(id, { ...entry, sent: true });
      },
      line(id) {
        const change = byId.get(id);
        const entry = entries.get(id);
        return {
          id, label: change.label, polygon: change.polygon, decision: entry.decision, reason: entry.reason,
          who: entry.who, when: entry.when, imagery: data.imagery.id,
        };
      },
      // The text of decisions.jsonl: one line a proposal, in the run's order, skipped ones left out.
      text() {
        const ids = data.changes.map((change) => change.id).filter((id) => {
          const entry = entries.get(id);
          return entry && entry.decision !== "skipped" && (entry.decision !== "pending" || fromRun.has(id));
        });
        return ids.map((id) => JSON.stringify(store.line(id)) + "\n").join("");
      },
      counts() {
        const count = { total: 0, accepted: 0, rejected: 0, skipped: 0, undecided: 0 };
        for (const change of data.changes) {
          if (!store.decidable(change)) continue;
          count.total += 1;
          count[store.decision(change.id)] += 1;
        }
        return count;
      },
      remember: (key, value) => write(key, value),
      recall(key) {
        try {
          return JSON.parse(localStorage.getItem(prefix + key));
        } catch {
          return null;
        }
      },
    };
    readAll();
    return store;
  };
})(window.gp);
