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
      node.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
    return node;
  }

  gp.el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  gp.svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
  gp.byId = (id) => document.getElementById(id);
  gp.words = (slug) => String(slug).replaceAll("_", " ");
})(window.gp);
