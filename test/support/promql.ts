import { parser } from '@prometheus-io/lezer-promql';

const COMPARISONS = ['Gtr', 'Gte', 'Lss', 'Lte', 'EqlC', 'Neq'];

interface SyntaxNode {
  name: string;
  from: number;
  to: number;
  firstChild: SyntaxNode | null;
  nextSibling: SyntaxNode | null;
}

/** What a PromQL expression consists of, by Prometheus's own grammar. */
export interface Parts {
  /** Each selector of series, such as `up{job="latchkey"}`. */
  selectors: string[];
  /** Both sides of each comparison. */
  comparisons: [string, string][];
}

/** @throws Error if it is none */
export function partsOf(expression: string): Parts {
  const parts: Parts = { selectors: [], comparisons: [] };
  const textOf = ({ from, to }: SyntaxNode) => expression.slice(from, to);
  const visit = (node: SyntaxNode) => {
    if (node.name === '⚠') throw new Error(`No PromQL at ${node.from}: ${expression}`);
    const children = childrenOf(node);
    if (node.name === 'VectorSelector') parts.selectors.push(textOf(node));
    const [left, right] = [children[0], children.at(-1)];
    if (node.name === 'BinaryExpr' && left && right && children.some(({ name }) => COMPARISONS.includes(name))) {
      parts.comparisons.push([textOf(left), textOf(right)]);
    }
    children.forEach(visit);
  };
  visit(parser.parse(expression).topNode);
  return parts;
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child);
  return children;
}
