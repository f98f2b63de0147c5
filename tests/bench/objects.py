"""Many small objects: what the row `python` runs, with PYTHONMALLOC=malloc. It takes how many to make."""

import sys


class Node:
    """An object with a dictionary of its own."""

    def __init__(self, number, left, right):
        self.number = number
        self.left = left
        self.right = right
        self.label = f"node {number}"


def build_tree(number, depth):
    if depth == 0:
        return None
    return Node(number, build_tree(2 * number, depth - 1), build_tree(2 * number + 1, depth - 1))


def count(tree):
    return 1 + count(tree.left) + count(tree.right) if tree else 0


def main():
    wanted = int(sys.argv[1])
    made = 0
    kept = {}
    while made < wanted:
        tree = build_tree(1, 10)
        made += count(tree)
        words = [f"{n}-{made}" for n in range(1000)]
        pairs = {word: (word[::-1], [n, float(n)]) for n, word in enumerate(words)}
        made += 4 * len(pairs)
        kept[made % 61] = (tree, pairs)
    if sum(len(pairs) for _, pairs in kept.values()) == 0:
        sys.exit("nothing was made")


main()
