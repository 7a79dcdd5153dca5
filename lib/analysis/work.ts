// What an analysis has at hand while it goes on.

import type { Question } from './cache.ts';
import { type Module, newWorld, type World } from './files/world.ts';
import { newReach, type Reach } from './reach/reach.ts';

/** A question with an ear for its progress. */
export interface Asked extends Question {
  /** Tells what is being done, for a terminal. */
  readonly progress?: (text: string) => void;
}

/** What grows until nothing new is found. `rooted` and `mentioned` say how many files, and how many reached places, were looked at. */
export interface Work {
  readonly question: Asked;
  readonly world: World;
  readonly reach: Reach;
  readonly files: Set<string>;
  readonly texts: Set<string>;
  readonly notices: string[];
  readonly programs: string[];
  /** Strings that reached code names, by the file. */
  readonly names: Map<string, Set<Module>>;
  /** Functions of the vDSO that the loader keeps for functions of the C library. */
  readonly offered: Set<string>;
  rooted: number;
  readonly entered: Set<Module>;
  /** The files that are loaded before the program's main. */
  starting: ReadonlySet<Module>;
  mentioned: number;
  /** Libraries that reached code names, still to be loaded. */
  readonly wanted: [name: string, by: Module, why: string][];
  readonly familiesDone: Set<string>;
  /** Folders of families that were looked at, behind the family's name. */
  readonly foldersDone: Set<string>;
  /** The folders that programs were named in, links not followed, and scripts on the way to them. */
  readonly named: Set<string>;
  readonly scripts: Set<string>;
  readonly librariesDone: Set<string>;
  /** Strings of files, which may be names of functions that are looked up: as long as all of those are known. */
  guessed: [text: string, by: Module][] | undefined;
  /** Files all of whose strings count as such names. */
  readonly scanned: Set<Module>;
  /** Functions that are looked up by names which are known, by place. */
  readonly looked: Set<string>;
  /** Folders of its own that the program names, and configuration files. */
  readonly roots: Set<string>;
  readonly configurations: Set<string>;
  /** Strings of the program with blanks in them: among them are commands for a shell. */
  readonly commands: Set<string>;
  usesWords: boolean;
}

export function newWork(question: Asked): Work {
  const world = newWorld(question.environment);
  return {
    question,
    world,
    reach: newReach(world),
    files: new Set([question.program, '/etc/nsswitch.conf']),
    texts: new Set(),
    notices: [],
    programs: [],
    names: new Map(),
    offered: new Set(),
    rooted: 0,
    entered: new Set(),
    starting: new Set(),
    mentioned: 0,
    wanted: [],
    familiesDone: new Set(),
    foldersDone: new Set(),
    named: new Set(),
    scripts: new Set(),
    librariesDone: new Set(),
    guessed: [],
    scanned: new Set(),
    looked: new Set(),
    roots: new Set(),
    configurations: new Set(),
    commands: new Set(),
    usesWords: false,
  };
}

/** Which program a name means depends on what these folders hold. */
export function searched(work: Work, path: string): void {
  for (const folder of path.split(':')) work.files.add(folder === '' ? '.' : folder);
}

/** A file's name without its folders. */
export const short = (path: string) => path.slice(path.lastIndexOf('/') + 1);
