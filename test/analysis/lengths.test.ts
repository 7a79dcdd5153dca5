// Our reading of instructions against iced-x86's, over the code of whole libraries.

import { readFileSync, realpathSync } from 'node:fs';
import { Code, Decoder, DecoderOptions, FlowControl, Instruction, OpKind, Register } from 'iced-x86';
import { describe, expect, test } from 'vitest';
import { flow, found, readInstruction, reference } from '../../lib/analysis/code/x86-64/lengths.ts';
import { parseElf, SHF_EXECINSTR } from '../../lib/elf/file.ts';

const flows: Readonly<Record<number, number>> = {
  [FlowControl.Next]: flow.next,
  [FlowControl.UnconditionalBranch]: flow.jump,
  [FlowControl.IndirectBranch]: flow.jumpIndirect,
  [FlowControl.ConditionalBranch]: flow.branch,
  [FlowControl.XbeginXabortXend]: flow.branch,
  [FlowControl.Return]: flow.return,
  [FlowControl.Call]: flow.call,
  [FlowControl.IndirectCall]: flow.callIndirect,
  [FlowControl.Interrupt]: flow.next,
  [FlowControl.Exception]: flow.stop,
};

/** Differences in one file's code, as far as `limit` instructions of it. */
function differences(file: string, limit: number): string[] {
  const elf = parseElf({ file, bytes: readFileSync(realpathSync(file)) });
  const wrong: string[] = [];
  let count = 0;
  for (const section of elf.sections.filter((one) => (one.flags & SHF_EXECINSTR) !== 0)) {
    const bytes = elf.bytes.subarray(section.offset, section.offset + section.size);
    const decoder = new Decoder(64, bytes, DecoderOptions.None);
    const instruction = new Instruction();
    let at = 0;
    while (at < bytes.length && count++ < limit && wrong.length < 10) {
      decoder.position = at;
      decoder.ip = BigInt(at);
      decoder.decodeOut(instruction);
      readInstruction(bytes, at, bytes.length);
      const where = `${file} ${section.name}+0x${at.toString(16)} ${bytes.subarray(at, at + 15).toString('hex')}`;
      if (instruction.code === Code.INVALID) {
        at += 1;
        continue;
      }
      const next = at + instruction.length;
      if (found.length !== instruction.length)
        wrong.push(`${where}: length ${found.length} for ${instruction.length}`);
      let expected = flows[instruction.flowControl];
      if (instruction.code === Code.Syscall) expected = flow.syscall;
      if (instruction.code === Code.Hlt) expected = flow.stop;
      if (
        instruction.code === Code.Sysenter ||
        (instruction.code === Code.Int_imm8 && instruction.immediate8 === 0x80)
      )
        expected = flow.foreign;
      if (expected === flow.branch && instruction.op0Kind !== OpKind.NearBranch64) expected = flow.next;
      if (found.flow !== expected) wrong.push(`${where}: flow ${found.flow} for ${expected}`);
      if (
        instruction.op0Kind === OpKind.NearBranch64 &&
        Number(BigInt.asIntN(64, instruction.nearBranchTarget)) !== next + found.target
      ) {
        wrong.push(`${where}: target`);
      }
      const relative = instruction.memoryBase === Register.RIP;
      if (relative !== (found.reference === reference.address || found.reference === reference.memory))
        wrong.push(`${where}: relative`);
      else if (
        relative &&
        Number(BigInt.asIntN(64, instruction.ipRelMemoryAddress)) !== next + found.displacement
      ) {
        wrong.push(`${where}: address`);
      }
      at = next;
    }
    decoder.free();
    instruction.free();
  }
  return wrong;
}

describe('instructions as iced-x86 reads them', () => {
  const files = [
    '/lib/x86_64-linux-gnu/libc.so.6',
    '/lib64/ld-linux-x86-64.so.2',
    '/usr/lib/x86_64-linux-gnu/libcrypto.so.3',
    '/usr/lib/x86_64-linux-gnu/libstdc++.so.6',
  ];
  test.each(files)('%s', (file) => {
    expect(differences(file, 250_000)).toEqual([]);
  });

  test('every instruction that bytes can make: random bytes', () => {
    let seed = 1;
    const bytes = Uint8Array.from({ length: 400_000 }, () => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return seed >>> 24;
    });
    const decoder = new Decoder(64, bytes, DecoderOptions.None);
    const instruction = new Instruction();
    const wrong: string[] = [];
    for (let at = 0; at < bytes.length - 16; at++) {
      decoder.position = at;
      decoder.decodeOut(instruction);
      if (instruction.code === Code.INVALID) continue;
      readInstruction(bytes, at, bytes.length);
      if (found.length !== instruction.length)
        wrong.push(
          `${Buffer.from(bytes.subarray(at, at + 15)).toString('hex')}: ${found.length} for ${instruction.length}`,
        );
    }
    expect(wrong.slice(0, 20)).toEqual([]);
  });
});

test('where there is no place there is no instruction', () => {
  readInstruction(Buffer.from('90909090', 'hex'), Number.NaN, 4);
  expect(found.flow).toBe(flow.invalid);
});
