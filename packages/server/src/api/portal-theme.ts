import Type from "typebox";

/** The access of a portal link's sessions: read, or read and change. */
export const portalAccess = Type.Enum(["read", "manage"]);

const Colour = Type.Optional(
  Type.String({ pattern: "^#[0-9a-fA-F]{6}$", title: "a colour such as #1f6feb" }),
);

/** How the portal looks to a link's sessions. */
export const Theme = Type.Object(
  {
    accent: Colour,
    background: Colour,
    logo_url: Type.Optional(
      Type.String({
        maxLength: 2048,
        pattern: "^http[s]:[/]{2}[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!#-;=?-\\[\\]_a-z~%]*)?$",
        title: "an https URL of an image",
      }),
    ),
  },
  { additionalProperties: false, title: "PortalTheme" },
);
