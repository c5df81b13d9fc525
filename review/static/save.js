// Decisions -> the local server that gave this page (when one did), or a decisions.jsonl to download.
"use strict";

(function (gp) {
  const RETRY_MS = 5000;
  const DOWNLOAD_MS = 60000;

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

  // The link stands in the page while the browser reads it; the address is kept for as long, because a busy
  // machine may take seconds to start a download.
  gp.download = function (text) {
    const link = gp.el("a", { download: "decisions.jsonl", hidden: "" });
    link.href = URL.createObjectURL(new Blob([text], { type: "application/jsonl" }));
    document.body.append(link);
    link.click();
    setTimeout(() => {
      URL.revokeObjectURL(link.href);
      link.remove();
    }, DOWNLOAD_MS);
  };

  // Returns {load, push}; both do nothing when the page was opened from a file or a plain static host.
  // say(text) shows the state.
  gp.makeServer = function (store, say) {
    let running = false;
    let ready = false; // nothing is sent before the file was read: what is sent meanwhile would be missing in it
    let retry = null;

    // Returns why lines were refused, as one text; a line that the server can never take must not hold up
    // those behind it. What it was about stays in the browser and in the download.
    async function pushAll() {
      const refused = [];
      for (let first = store.firstUnsent(); first !== null; first = store.firstUnsent()) {
        const [number, line] = first;
        const answer = await fetch("decisions", {
          method: "POST",
          headers: { "Content-Type": "application/json", "X-Groundplan-Token": gp.token() },
          body: JSON.stringify(line),
        });
        const said = answer.ok ? "" : (await answer.text()).trim().slice(0, 200);
        if (answer.status === 400) refused.push(said);
        else if (!answer.ok) throw new Error(said);
        store.sent(number);
      }
      return refused;
    }

    async function push() {
      if (!gp.token() || !ready || running || store.unsentCount() === 0) return;
      running = true;
      clearTimeout(retry);
      say("Saving");
      try {
        const refused = await pushAll();
        say(refused.length ? refused.length + " refused (" + refused[0] + ")" : "Saved");
      } catch (error) {
        say(store.unsentCount() + " not saved yet (" + error.message + ")");
        retry = setTimeout(push, RETRY_MS);
      } finally {
        running = false;
      }
    }

    async function load() {
      if (!gp.token()) return 0;
      try {
        const answer = await fetch("decisions", { headers: { "X-Groundplan-Token": gp.token() } });
        if (!answer.ok) throw new Error((await answer.text()).trim().slice(0, 200));
        return store.synchronise(gp.parseLines(await answer.text()).lines);
      } catch (error) {
        say("Earlier decisions could not be read (" + error.message + ")");
        return 0;
      } finally {
        ready = true;
      }
    }

    return { load, push };
  };
})(window.gp);
