// A tag, attributes and children -> an element. Texts become text nodes: nothing on this page parses HTML.
"use strict";
window.gp = {};

(function (gp) {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) node.setAttribute(name, String(value));
    }
    for (const child of children) {
      if (child === null || child === undefined) continue;
      node.append(child instanceof Node ? child : document.createTextNode(gp.visible(child)));
    }
    return node;
  }

  // Control characters and those that turn the direction of what follows are written out: a name must not
  // make the rest of a line read otherwise.
  const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
  gp.visible = (text) => String(text).replace(UNSEEN, (each) => "⟨U+" + each.codePointAt(0).toString(16).toUpperCase().padStart(4, "0") + "⟩");
  // A typed text as decisions.jsonl holds it: printable, on one line, not too long.
  gp.plain = (text) => [...String(text).replace(/[\p{C}\p{Z}]+/gu, " ").trim()].slice(0, 255).join("");

  gp.el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  gp.svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
  gp.byId = (id) => document.getElementById(id);
  gp.words = (slug) => gp.visible(slug).replaceAll("_", " ");
})(window.gp);
