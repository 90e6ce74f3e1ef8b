// Before anything is painted: the theme that this browser chose.
try {
  const theme = localStorage.getItem("postrider.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // A browser that keeps nothing shows its own theme.
}
