// Sorts and filters tables of results, and breaks long names between their words. Without it the
// tables are complete, in the order of the book.

(() => {
  "use strict";

  const text = (tag, words, attributes = {}) => {
    const made = document.createElement(tag);
    made.textContent = words;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  // A control with its label before it.
  const labelled = (words, control, id) => {
    control.id = id;
    const label = text("label", words, { for: id });
    const pair = text("span", "", { class: "ledger-control" });
    pair.append(label, control);
    return pair;
  };

  const key = (row, column) => {
    const cell = row.cells[column];
    return (cell.dataset.sort ?? cell.textContent).trim().toLowerCase();
  };

  // Numbers in texts compare as numbers, empty cells come last; equal rows keep the book's order.
  const compare = (column, direction) => (a, b) => {
    const [left, right] = [key(a, column), key(b, column)];
    if (!left !== !right) return left ? -1 : 1;
    return direction * left.localeCompare(right, "en", { numeric: true });
  };

  const makeSortable = (table, rows, announce) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const name = head.textContent.trim();
      const button = text("button", name, { type: "button" });
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const descending = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        const sorted = [...rows].sort(compare(column, descending ? -1 : 1));
        table.tBodies[0].append(...sorted);
        announce(`sorted by ${name}, ${descending ? "descending" : "ascending"}`);
      });
    });
  };

  const setUp = (table, number) => {
    const rows = [...table.tBodies[0].rows];
    const words = rows.map((row) => row.dataset.words.toLowerCase());
    const search = text("input", "", { type: "search", autocomplete: "off", spellcheck: "false" });
    const choice = text("select", "");
    choice.append(text("option", "all", { value: "" }));
    for (const standing of new Set(rows.map((row) => row.dataset.standing))) {
      choice.append(text("option", standing, { value: standing }));
    }
    const status = text("p", "", { class: "ledger-status", role: "status" });
    const announce = (more) => {
      const shown = rows.filter((row) => !row.hidden).length;
      status.textContent = `${shown} of ${rows.length} results${more ? `, ${more}` : ""}`;
    };
    const filter = () => {
      const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      rows.forEach((row, place) => {
        const standing = !choice.value || row.dataset.standing === choice.value;
        row.hidden = !(standing && wanted.every((word) => words[place].includes(word)));
      });
      announce("");
    };
    search.addEventListener("input", filter);
    choice.addEventListener("change", filter);
    const tools = text("div", "", { class: "ledger-tools", role: "search", "aria-label": "Results" });
    tools.append(
      labelled("Containing", search, `ledger-search-${number}`),
      labelled("Standing", choice, `ledger-standing-${number}`),
      status,
    );
    table.before(tools);
    makeSortable(table, rows, announce);
    announce("");
    // A printed ledger is complete.
    let hidden = [];
    addEventListener("beforeprint", () => {
      hidden = rows.filter((row) => row.hidden);
      hidden.forEach((row) => { row.hidden = false; });
    });
    addEventListener("afterprint", () => hidden.forEach((row) => { row.hidden = true; }));
  };

  const breakBetweenWords = (name) => {
    const words = name.textContent.split(/(?<=[._])/);
    name.replaceChildren(...words.flatMap((word, place) => (place ? [text("wbr", ""), word] : [word])));
  };

  document.querySelectorAll("table.ledger").forEach(setUp);
  const named = ":is(.bd-sidebar-primary, .bd-sidebar-secondary) a code .pre";
  document.querySelectorAll(named).forEach(breakBetweenWords);
})();
