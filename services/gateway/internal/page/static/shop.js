// The storefront's own script: sends GA4-style events, keeps the cart and collects receipts. No inline code, nothing from elsewhere.
"use strict";
(() => {
  const cookie = (name) => (document.cookie.split("; ").find((c) => c.startsWith(name + "=")) || "").slice(name.length + 1);
  const remember = (name, value, days) => { document.cookie = `${name}=${value}; path=/; max-age=${days * 86400}; samesite=lax`; };
  const random = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
  const visitor = cookie("haggle_visitor");
  // A session ends after 30 minutes without an event.
  const session = () => { const s = cookie("haggle_session") || random(); remember("haggle_session", s, 1 / 48); return s; };

  // send posts events and tells the page when the shop has them: shelves that follow "haggle:learnt" draw themselves anew.
  const send = async (events, learn) => {
    const now = new Date().toISOString();
    const body = JSON.stringify({ events: events.map((e) => ({ event_id: random(), timestamp: now, visitor_id: visitor, session_id: session(), ...e })) });
    try {
      const answer = await fetch("/v1/events", { method: "POST", headers: { "Content-Type": "application/json" }, body, keepalive: true });
      if (answer.ok && learn) setTimeout(() => document.body.dispatchEvent(new CustomEvent("haggle:learnt")), 150);
      return answer.ok;
    } catch { return false; }
  };
  const itemOf = (card) => ({ item_id: card.dataset.item, index: Number(card.dataset.index), price: Number(card.dataset.price) || undefined });
  const listOf = (element) => { const list = element.closest("[data-list]"); return list ? { item_list_id: list.dataset.list, attribution_token: list.dataset.token || undefined, search_term: list.dataset.search || undefined } : {}; };

  // Impressions: each list once, when it is drawn.
  const shown = (root) => {
    const lists = root.matches && root.matches("[data-list]") ? [root] : [...root.querySelectorAll("[data-list]")];
    for (const list of lists) {
      if (list.dataset.shown) continue;
      list.dataset.shown = "1";
      const cards = [...list.querySelectorAll(".card")];
      const events = [];
      if (list.dataset.search) events.push({ event: "search", search_term: list.dataset.search });
      if (cards.length) events.push({ event: "view_item_list", ...listOf(list), items: cards.map(itemOf) });
      if (events.length) send(events, false);
    }
  };

  // Receipts come hidden inside what they priced, and move into the drawer.
  const collect = (root) => {
    const drawer = document.getElementById("receipts");
    const found = [...root.querySelectorAll("[data-receipt][hidden]")];
    for (const receipt of found) { receipt.hidden = false; drawer.prepend(receipt); }
    document.getElementById("drawer-count").textContent = drawer.children.length;
  };

  // The cart lives in a cookie: "item*quantity" joined by "!", each id percent-encoded.
  const cart = () => cookie("haggle_cart").split("!").filter(Boolean).map((l) => { const at = l.lastIndexOf("*"); return { id: decodeURIComponent(l.slice(0, at)), quantity: Number(l.slice(at + 1)) || 1 }; });
  const keep = (lines) => {
    remember("haggle_cart", lines.map((l) => encodeURIComponent(l.id).replaceAll("!", "%21").replaceAll("*", "%2A") + "*" + l.quantity).join("!"), 30);
    const count = document.getElementById("cart-count");
    count.textContent = count.dataset.count = lines.reduce((n, l) => n + l.quantity, 0);
  };
  const add = (button) => {
    const lines = cart(), line = lines.find((l) => l.id === button.dataset.add);
    if (line) line.quantity++; else if (lines.length < 50) lines.push({ id: button.dataset.add, quantity: 1 });
    keep(lines);
    button.classList.add("done"); button.textContent = "Added";
    const card = button.closest(".card"), item = card ? itemOf(card) : { item_id: button.dataset.add, price: Number(button.dataset.price) || undefined };
    send([{ event: "add_to_cart", ...listOf(button), currency: button.dataset.currency || undefined, items: [{ ...item, quantity: 1 }] }], true);
  };
  const remove = async (button) => {
    keep(cart().filter((l) => l.id !== button.dataset.remove));
    await send([{ event: "remove_from_cart", items: [{ item_id: button.dataset.remove }] }], false);
    location.reload();
  };
  const checkout = async () => {
    const lines = [...document.querySelectorAll("[data-line]")].map((l) => ({ item_id: l.dataset.line, quantity: Number(l.dataset.quantity), price: Number(l.dataset.price) || undefined }));
    const order = "o" + random().slice(0, 10), value = lines.reduce((v, l) => v + (l.price || 0) * l.quantity, 0);
    await send([{ event: "begin_checkout", items: lines, value }, { event: "purchase", transaction_id: order, items: lines, value }], false);
    keep([]);
    location.assign("/cart?ordered=" + order);
  };

  document.addEventListener("click", (e) => {
    const target = e.target.closest("[data-add], [data-remove], #checkout, #drawer-open, #drawer-close, .card a");
    if (!target) return;
    if (target.dataset.add) return add(target);
    if (target.dataset.remove) return remove(target);
    if (target.id === "checkout") return checkout();
    if (target.id === "drawer-open" || target.id === "drawer-close") return drawer(target.id === "drawer-open");
    const card = target.closest(".card");
    if (card) send([{ event: "select_item", ...listOf(card), items: [itemOf(card)] }], false);
  });
  const drawer = (open) => {
    document.getElementById("drawer").hidden = !open;
    document.getElementById("drawer-open").setAttribute("aria-expanded", String(open));
    (open ? document.getElementById("drawer-close") : document.getElementById("drawer-open")).focus();
  };
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") { if (!document.getElementById("drawer").hidden) drawer(false); document.getElementById("suggestions").replaceChildren(); }
    if (e.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) { e.preventDefault(); document.getElementById("q").focus(); }
    const box = document.getElementById("suggestions");
    if ((e.key === "ArrowDown" || e.key === "ArrowUp") && box.contains(document.activeElement) | document.activeElement.id === "q") {
      const links = [document.getElementById("q"), ...box.querySelectorAll("a")], at = links.indexOf(document.activeElement);
      const next = links[(at + (e.key === "ArrowDown" ? 1 : links.length - 1)) % links.length];
      if (next) { e.preventDefault(); next.focus(); }
    }
  });
  document.addEventListener("htmx:after:swap", () => { shown(document.body); collect(document.body); });
  shown(document.body);
  collect(document.body);
  const viewed = document.querySelector("[data-view]");
  if (viewed) send([{ event: "view_item", currency: viewed.dataset.currency || undefined, items: [{ item_id: viewed.dataset.view, price: Number(viewed.dataset.price) || undefined }] }], true);
})();
