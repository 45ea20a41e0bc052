// A numbered equation is an object: its number opens a menu (link, LaTeX, SymPy code, steps, source),
// a link to it shows it, and the badge of its standing explains itself. Without this the number and
// the badge are text, and the link is a link.

(() => {
  "use strict";

  const source = document.getElementById("equation-facts");
  const facts = source ? JSON.parse(source.textContent) : {};

  const make = (tag, attributes = {}, text = "") => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  };

  // Where `box` (a child of the body) is shown whole, just under `anchor`.
  const placeUnder = (box, anchor) => {
    const at = anchor.getBoundingClientRect();
    const right = document.documentElement.clientWidth - box.offsetWidth - 8;
    box.style.left = `${scrollX + Math.max(8, Math.min(at.left, right))}px`;
    box.style.top = `${scrollY + at.bottom + 4}px`;
  };

  // Pointed at, reached with the keyboard, or tapped.
  const whileLookedAt = (thing, show, hide) => {
    for (const event of ["pointerenter", "focus"]) thing.addEventListener(event, show);
    for (const event of ["pointerleave", "blur"]) thing.addEventListener(event, hide);
  };

  // What happened, said to a screen reader and shown for a moment.
  const status = make("div", { role: "status", class: "equation-status" });
  let fading;
  const announce = (words, anchor) => {
    status.textContent = words;
    placeUnder(status, anchor);
    clearTimeout(fading);
    fading = setTimeout(() => { status.textContent = ""; }, 2500);
  };

  const copy = async (text, what, anchor) => {
    try {
      await navigator.clipboard.writeText(text);
      announce(`${what} copied`, anchor);
    } catch { // a page opened from a file, or a reader who does not allow it
      prompt(`Copy the ${what}:`, text);
    }
  };

  // What belongs to the equation: from it to the next one, in the output of the same cell.
  const proofOf = (equation) => {
    for (let node = equation.nextElementSibling; node; node = node.nextElementSibling) {
      if (node.matches("details.proof")) return node;
      if (node.matches("div.math[id]")) return null;
    }
    return null;
  };

  const reveal = (details) => {
    details.open = true;
    details.querySelector("summary").focus({ preventScroll: true });
    details.scrollIntoView({ block: "nearest" });
  };

  // The choices of an equation's menu, each with what it does.
  const choices = (equation, anchor) => {
    const known = facts[equation.id];
    const address = `${location.href.split("#")[0]}#${equation.id}`;
    const proof = proofOf(equation);
    const cell = equation.closest("div.cell")?.querySelector("details.hide");
    return [
      ["Copy link", () => copy(address, "link", anchor)],
      ["Copy as LaTeX", () => copy(known.latex, "LaTeX", anchor)],
      known.sympy && ["Copy as SymPy code", () => copy(known.sympy, "SymPy code", anchor)],
      proof && ["Open the steps", () => reveal(proof)],
      cell && ["Show the source", () => reveal(cell)],
    ].filter(Boolean);
  };

  const menu = make("div", { role: "menu", class: "equation-menu", id: "equation-menu", hidden: "" });
  let owner = null; // the button whose menu is open

  const close = (back) => {
    if (!owner) return;
    const button = owner;
    owner = null;
    button.setAttribute("aria-expanded", "false");
    menu.hidden = true;
    if (back) button.focus();
  };

  const open = (button, equation) => {
    close(false);
    owner = button;
    button.setAttribute("aria-expanded", "true");
    menu.setAttribute("aria-label", `Equation ${button.textContent}`);
    menu.replaceChildren(
      ...choices(equation, button).map(([words, act]) => {
        const item = make("button", { type: "button", role: "menuitem", tabindex: "-1" }, words);
        item.addEventListener("click", () => { close(true); act(); });
        return item;
      }),
    );
    menu.hidden = false;
    placeUnder(menu, button);
    menu.firstElementChild.focus({ preventScroll: true });
  };

  menu.addEventListener("keydown", (event) => {
    const items = [...menu.children];
    const here = items.indexOf(document.activeElement);
    const to = {
      ArrowDown: (here + 1) % items.length,
      ArrowUp: (here - 1 + items.length) % items.length,
      Home: 0,
      End: items.length - 1,
    }[event.key];
    if (to !== undefined) items[to].focus();
    else if (event.key === "Escape" || event.key === "Tab") close(true);
    else return;
    if (event.key !== "Tab") event.preventDefault();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!menu.contains(event.target) && !owner?.contains(event.target)) close(false);
  });

  const giveMenu = (equation) => {
    const number = equation.querySelector(".eqno");
    if (!number) return;
    const text = number.firstChild.textContent.trim();
    const button = make("button", {
      type: "button",
      class: "equation-number",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      "aria-label": `${text}, equation: link, LaTeX, code, steps`,
      title: "Link, LaTeX, SymPy code, steps",
    }, text);
    button.addEventListener("click", () => (owner === button ? close(true) : open(button, equation)));
    button.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown") return;
      event.preventDefault();
      open(button, equation);
    });
    number.replaceChildren(button);
  };

  // A badge says what its standing means: when pointed at, when reached with the keyboard or tapped,
  // and to a screen reader.
  const tip = make("div", { class: "standing-tip", "aria-hidden": "true", hidden: "" });
  const meanings = make("div", { hidden: "" });
  const described = new Map();

  const explain = (badge) => {
    const meaning = badge.title;
    if (!described.has(meaning)) {
      const id = `standing-meaning-${described.size + 1}`;
      described.set(meaning, id);
      meanings.append(make("span", { id }, meaning));
    }
    badge.removeAttribute("title");
    badge.setAttribute("role", "note");
    badge.setAttribute("aria-describedby", described.get(meaning));
    badge.tabIndex = 0;
    const show = () => {
      tip.textContent = meaning;
      tip.hidden = false;
      placeUnder(tip, badge);
    };
    const hide = () => { tip.hidden = true; };
    whileLookedAt(badge, show, hide);
  };

  // A link to an equation of this page shows it, unless it is on the screen anyway.
  const preview = make("div", { class: "equation-preview", "aria-hidden": "true", hidden: "" });

  const onScreen = (box) => {
    const { top, bottom } = box.getBoundingClientRect();
    return top < bottom && top >= 0 && bottom <= innerHeight; // without a height it is folded away
  };

  const showAhead = (link) => {
    const equation = document.getElementById(link.hash.slice(1));
    if (!equation?.matches("div.math")) return;
    const show = () => {
      const formula = equation.querySelector("mjx-container");
      if (!formula || onScreen(formula)) return;
      const copied = formula.cloneNode(true);
      copied.removeAttribute("tabindex");
      preview.replaceChildren(copied);
      preview.hidden = false;
      placeUnder(preview, link);
    };
    const hide = () => { preview.hidden = true; };
    whileLookedAt(link, show, hide);
    link.addEventListener("click", hide);
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = preview.hidden = true;
  });

  for (const id of Object.keys(facts)) {
    const equation = document.getElementById(id);
    if (equation) giveMenu(equation);
  }
  document.querySelectorAll(".standing[title]").forEach(explain);
  document.querySelectorAll('.bd-article a[href^="#equation-"]:not(.headerlink)').forEach(showAhead);
  document.body.append(menu, status, tip, preview, meanings);
})();
