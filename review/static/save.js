// Decisions -> the local server that gave this page (when one did), or a decisions.jsonl to download.
"use strict";

(function (gp) {
  gp.token = () => document.querySelector('meta[name="groundplan-token"]').content;

  // The texts of a decisions.jsonl as objects; lines that are no JSON objects are counted, not kept.
  gp.parseLines = function (text) {
    const lines = [];
    let bad = 0;
    for (const line of text.split("\n")) {
      if (!line.trim()) continue;
      try {
        const value = JSON.parse(line);
        if (value && typeof value === "object" && typeof value.id === "string") lines.push(value);
        else bad += 1;
      } catch {
        bad += 1;
      }
    }
    return { lines, bad };
  };

  gp.download = function (text) {
    const link = gp.el("a", { download: "decisions.jsonl" });
    link.href = URL.createObjectURL(new Blob([text], { type: "application/jsonl" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  // Returns {load, push}; both do nothing when the page was opened from a file or a plain static host.
  // say(text) shows the state.
  gp.makeServer = function (store, say) {
    let running = false;
    let retry = null;

    async function pushAll() {
      for (let ids = store.unsent(); ids.length > 0; ids = store.unsent()) {
        const line = store.line(ids[0]);
        const answer = await fetch("decisions", {
          method: "POST",
          headers: { "Content-Type": "application/json", "X-Groundplan-Token": gp.token() },
          body: JSON.stringify(line),
        });
        if (!answer.ok) throw new Error((await answer.text()).trim().slice(0, 200));
        store.sent(line.id, line.when);
      }
    }

    async function push() {
      if (!gp.token() || running) return;
      running = true;
      clearTimeout(retry);
      try {
        await pushAll();
        say("Saved");
      } catch (error) {
        say(store.unsent().length + " not saved yet (" + error.message + ")");
        retry = setTimeout(push, 5000);
      } finally {
        running = false;
      }
    }

    async function load() {
      if (!gp.token()) return 0;
      try {
        const answer = await fetch("decisions", { headers: { "X-Groundplan-Token": gp.token() } });
        if (!answer.ok) throw new Error(String(answer.status));
        return store.merge(gp.parseLines(await answer.text()).lines);
      } catch (error) {
        say("Earlier decisions could not be read (" + error.message + ")");
        return 0;
      }
    }

    return { load, push };
  };
})(window.gp);
