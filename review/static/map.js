// The proposals listed -> points and outlines on one map in metres, linked with the list both ways.
"use strict";

(function (gp) {
  const CLICK_PX = 14;
  const SLICE_MS = 6; // drawing stops after so long and goes on in the next frame, so that keys are answered between
  const ROWS_AT_ONCE = 250; // drawn between two looks at the clock
  const OUTLINE_PX = 7; // objects at least this large on the screen are drawn as outlines, others as points
  const COLOURS = { accepted: "#1a9850", rejected: "#d73027", skipped: "#8c8c8c", undecided: "#f28e2b" };

  // Easting becomes x and northing y of a plain metric plane: the page needs no projection.
  const latLng = (x, y) => L.latLng(y / 100, x / 100);

  // The canvas moves with the map's pane and is drawn anew in the next frames: what asked for it does not wait.
  const Points = L.Layer.extend({
    initialize(draw, rows) {
      this._paint = draw;
      this._rows = rows;
      this._frame = null;
    },
    onAdd(map) {
      this._canvas = gp.el("canvas", { class: "leaflet-zoom-hide", "aria-hidden": "true" });
      map.getPanes().overlayPane.append(this._canvas);
      map.on("moveend zoomend resize viewreset", this.redraw, this);
      this.redraw();
    },
    redraw() {
      cancelAnimationFrame(this._frame);
      this._frame = requestAnimationFrame(() => {
        this._clear();
        this._slice(this._rows(), 0);
      });
    },
    _clear() {
      const map = this._map;
      const size = map.getSize();
      const ratio = window.devicePixelRatio || 1;
      L.DomUtil.setPosition(this._canvas, map.containerPointToLayerPoint([0, 0]));
      this._canvas.width = size.x * ratio;
      this._canvas.height = size.y * ratio;
      this._canvas.style.width = size.x + "px";
      this._canvas.style.height = size.y + "px";
      this._canvas.getContext("2d").scale(ratio, ratio);
    },
    _slice(rows, first) {
      const context = this._canvas.getContext("2d");
      const end = performance.now() + SLICE_MS;
      let at = first;
      while (at < rows.length && performance.now() < end) {
        this._paint(context, this._map.getSize(), rows.slice(at, at + ROWS_AT_ONCE));
        at += ROWS_AT_ONCE;
      }
      if (at < rows.length) this._frame = requestAnimationFrame(() => this._slice(rows, at));
    },
    // One row more over what is drawn already.
    drawOver(row) {
      this._paint(this._canvas.getContext("2d"), this._map.getSize(), [row]);
    },
  });

  function summary(outline) {
    let [left, bottom, right, top] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const ring of outline.rings) {
      for (let i = 0; i < ring.length; i += 2) {
        left = Math.min(left, ring[i]);
        right = Math.max(right, ring[i]);
        bottom = Math.min(bottom, ring[i + 1]);
        top = Math.max(top, ring[i + 1]);
      }
    }
    return { x: (left + right) / 2, y: (bottom + top) / 2, size: Math.max(right - left, top - bottom) / 100, left, right, bottom, top };
  }

  function outlinePath(context, outline, toScreen) {
    context.beginPath();
    for (const ring of outline.rings) {
      for (let i = 0; i < ring.length; i += 2) {
        const [x, y] = toScreen(ring[i], ring[i + 1]);
        if (i) context.lineTo(x, y);
        else context.moveTo(x, y);
      }
      context.closePath();
    }
  }

  // pick(index) is called for a click. Returns {show(changes), select(index), refresh(), decided(change)}.
  gp.makeMap = function (data, store, pick) {
    const map = L.map("map", {
      crs: L.CRS.Simple, attributionControl: false, zoomSnap: 0.25, minZoom: -8, maxZoom: 5,
      zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false, inertia: false,
    });
    const places = new Map(data.changes.map((change) => [change.id, summary(change.outline)]));
    let rows = [];
    let selected = -1;

    function draw(context, size, changes) {
      const scale = map.options.crs.scale(map.getZoom());
      const corner = map.containerPointToLatLng([0, 0]);
      const toScreen = (x, y) => [(x / 100 - corner.lng) * scale, (corner.lat - y / 100) * scale];
      const drawOne = (change) => {
        const place = places.get(change.id);
        if (!Number.isFinite(place.x)) return;
        const [x, y] = toScreen(place.x, place.y);
        const reach = place.size * scale;
        if (x < -reach || y < -reach || x > size.x + reach || y > size.y + reach) return;
        context.fillStyle = COLOURS[store.decision(change.id)];
        if (reach >= OUTLINE_PX) {
          outlinePath(context, change.outline, toScreen);
          context.globalAlpha = 0.45;
          context.fill("evenodd");
          context.globalAlpha = 1;
          context.strokeStyle = context.fillStyle;
          context.lineWidth = 2;
          context.stroke();
        } else {
          context.fillRect(x - 2.5, y - 2.5, 5, 5);
        }
      };
      changes.forEach(drawOne);
    }

    // The ring around the chosen one is an element of its own, so that moving on does not draw thousands again.
    const ring = gp.el("div", { class: "map-ring", "aria-hidden": "true" });
    function placeRing() {
      const place = selected < 0 ? null : places.get(rows[selected].id);
      ring.hidden = !place || !Number.isFinite(place.x);
      if (ring.hidden) return;
      const reach = Math.max(18, place.size * map.options.crs.scale(map.getZoom()) * 1.5);
      ring.style.width = ring.style.height = reach + "px";
      L.DomUtil.setPosition(ring, map.latLngToLayerPoint(latLng(place.x, place.y)).subtract([reach / 2, reach / 2]));
    }

    const points = new Points(draw, () => rows);

    function everything() {
      const all = [...places.values()].filter((place) => Number.isFinite(place.x));
      if (all.length === 0) return L.latLngBounds([[0, 0], [100, 100]]);
      const least = (name) => all.reduce((value, place) => Math.min(value, place[name]), Infinity);
      const most = (name) => all.reduce((value, place) => Math.max(value, place[name]), -Infinity);
      return L.latLngBounds(latLng(least("left"), least("bottom")), latLng(most("right"), most("top")));
    }

    map.on("click", (event) => {
      let [best, nearest] = [-1, CLICK_PX / map.options.crs.scale(map.getZoom())];
      rows.forEach((change, index) => {
        const place = places.get(change.id);
        const far = Math.hypot(place.x / 100 - event.latlng.lng, place.y / 100 - event.latlng.lat) - place.size / 3;
        if (far < nearest) [best, nearest] = [index, far];
      });
      if (best >= 0) pick(best);
    });

    map.fitBounds(everything(), { animate: false, padding: [12, 12] });
    points.addTo(map);
    map.getPanes().overlayPane.append(ring);
    map.on("zoomend viewreset moveend", placeRing);
    L.control.scale({ imperial: false }).addTo(map);
    gp.byId("map-all").addEventListener("click", () => map.fitBounds(everything(), { animate: false, padding: [12, 12] }));
    new ResizeObserver(() => map.invalidateSize({ animate: false })).observe(gp.byId("map"));

    return {
      refresh: () => points.redraw(),
      decided: (change) => points.drawOver(change),
      show(changes) {
        rows = changes;
        selected = -1;
        placeRing();
        points.redraw();
      },
      select(index) {
        selected = index;
        const place = places.get(rows[index].id);
        if (Number.isFinite(place.x)) {
          const at = latLng(place.x, place.y);
          if (!map.getBounds().contains(at)) map.panTo(at, { animate: false });
        }
        placeRing();
      },
    };
  };
})(window.gp);
