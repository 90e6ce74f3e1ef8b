/** What of markdown-it is used here; its own types are no dependency of ours. */
export type Token = {
  type: string;
  tag: string;
  content: string;
  hidden: boolean;
  nesting: number;
  children: Token[] | null;
  attrGet(name: string): string | null;
  attrSet(name: string, value: string): void;
};

export type MarkdownItLike = {
  core: {
    ruler: {
      push(
        name: string,
        rule: (state: { tokens: Token[]; env: Record<string, unknown> }) => void,
      ): void;
    };
  };
};
