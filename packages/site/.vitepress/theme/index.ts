// Without its fonts: the reader's own are good enough, and half a megabyte less.
import theme from "vitepress/theme-without-fonts";
import "./style.css";

export default theme;
