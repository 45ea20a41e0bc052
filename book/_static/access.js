// What the theme leaves out for readers with a keyboard or a screen reader.

(() => {
  "use strict";

  // MathJax, which has not started yet, would make every formula a stop of the tabulator key.
  if (window.MathJax?.options) {
    window.MathJax.options.menuOptions = { settings: { inTabOrder: false } };
  }

  // Boxes that scroll sideways when what is in them is too wide.
  const SCROLLING = [
    ".bd-article div.math", "table.ledger .math", "mjx-container", ".dit-figure-scroll", ".table-wrapper",
    ".pst-scrollable-table-container", ".bd-article .output table", ".bd-article pre",
    ".bd-article .cell_output", ".bd-article .text_html",
  ].join(", ");

  // The keyboard can scroll a box only if it can get there.
  const makeReachable = () => {
    for (const box of document.querySelectorAll(SCROLLING)) {
      const scrolls = getComputedStyle(box).overflowX !== "visible";
      if (scrolls && box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else if (box.tabIndex === 0) box.removeAttribute("tabindex");
    }
  };

  // The arrows in the table of contents have no name, and those of folded blocks are ornaments.
  const nameControls = () => {
    for (const arrow of document.querySelectorAll("li.has-children > details > summary")) {
      const title = arrow.closest("li").querySelector("a")?.textContent.trim();
      arrow.setAttribute("aria-label", `Pages of ${title}`);
    }
    for (const ornament of document.querySelectorAll("svg.tb-icon")) {
      ornament.setAttribute("aria-hidden", "true");
    }
    // A notebook or a page's source is to be kept, not shown as text in a new tab.
    for (const link of document.querySelectorAll(".dropdown-download-buttons a")) {
      link.download = "";
      link.removeAttribute("target");
    }
  };

  addEventListener("load", () => {
    nameControls();
    const typeset = window.MathJax?.startup?.promise ?? Promise.resolve();
    typeset.then(makeReachable);
    addEventListener("resize", makeReachable);
    document.addEventListener("toggle", makeReachable, true); // what was folded has a width now
  });
})();
