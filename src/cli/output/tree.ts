/** Trees for people. */

export interface TreeNode {
  readonly label: string;
  readonly children?: readonly TreeNode[];
}

/** One line a node, with `├─` and `└─` before the children of each. */
export function treeLines({ label, children = [] }: TreeNode): string[] {
  return [
    label,
    ...children.flatMap((child, index) => {
      const isLast = index === children.length - 1;
      const [first = "", ...rest] = treeLines(child);
      return [`${isLast ? "└─" : "├─"} ${first}`, ...rest.map((line) => `${isLast ? "  " : "│ "} ${line}`)];
    }),
  ];
}
