// What the theme leaves out for readers without a mouse or with a screen reader: wide blocks can be scrolled by keys,
// and the captions of the navigation have a level.
document.addEventListener("DOMContentLoaded", () => {
  for (const wide of document.querySelectorAll("pre, .table-wrapper")) wide.tabIndex = 0;
  for (const caption of document.querySelectorAll(".caption[role=heading]")) caption.ariaLevel = "2";
});
