// Answers that are worked out once for each file or search, and kept as long as it is.

/** A search: what it has reached so far. */
interface Reach {
  readonly queue: readonly unknown[];
}

/** By a key within each object. A kept answer is never undefined. */
export class Kept<Of extends object, Key, Answer extends {}> {
  readonly #maps = new WeakMap<Of, Map<Key, Answer>>();

  of(object: Of): Map<Key, Answer> {
    let map = this.#maps.get(object);
    if (map === undefined) {
      map = new Map();
      this.#maps.set(object, map);
    }
    return map;
  }

  get(object: Of, key: Key, find: () => Answer): Answer {
    const map = this.of(object);
    let answer = map.get(key);
    if (answer === undefined) {
      answer = find();
      map.set(key, answer);
    }
    return answer;
  }
}

/** One answer for each object. */
export function keptFor<Of extends object, Answer extends {}>(find: (of: Of) => Answer): (of: Of) => Answer {
  const answers = new WeakMap<Of, Answer>();
  return (of) => {
    let answer = answers.get(of);
    if (answer === undefined) {
      answer = find(of);
      answers.set(of, answer);
    }
    return answer;
  };
}

/** Answers that hold until something more is reached. */
export class KeptWhileReached<Key, Answer extends {}> {
  readonly #kept = new WeakMap<Reach, { reached: number; answers: Map<Key, Answer> }>();

  of(reach: Reach): Map<Key, Answer> {
    const kept = this.#kept.get(reach);
    if (kept?.reached === reach.queue.length) return kept.answers;
    const answers = new Map<Key, Answer>();
    this.#kept.set(reach, { reached: reach.queue.length, answers });
    return answers;
  }

  get(reach: Reach, key: Key, find: () => Answer): Answer {
    const known = this.of(reach).get(key);
    if (known !== undefined) return known;
    const answer = find();
    this.of(reach).set(key, answer);
    return answer;
  }
}
