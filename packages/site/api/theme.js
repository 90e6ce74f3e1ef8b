// Before anything is painted: the theme that the reader chose on the other pages.
try {
  const chosen = localStorage.getItem("vitepress-theme-appearance") ?? "auto";
  const dark =
    chosen === "dark" ||
    (chosen === "auto" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark-mode", dark);
} catch {
  // A browser that keeps nothing shows its own theme.
}
