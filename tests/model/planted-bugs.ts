/** A mistake put into the code from outside, to see whether the model finds it. */
export interface PlantedBug {
  readonly name: string;
  /** From which histories find it soon; any do within the budget. @default 11 */
  readonly seed?: number;
  readonly edits: readonly {
    /** From the root of the project. */
    readonly file: string;
    /** Must be there, once. */
    readonly find: string;
    readonly replace: string;
  }[];
}

const wire = 'sw/backend/batch-backend.ts';
const askUpload = "const { json, bytes } = await ask({ method: 'POST', path: '/upload', body }, call);";

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'a draft that goes with any write of its record',
    edits: [
      {
        file: 'sw/store/write.ts',
        find: 'if (write.draft !== undefined) writes.push(removeDraft(tx, write, write.draft));',
        replace:
          "if (tx.objectStoreNames.contains('drafts')) writes.push(tx.objectStore('drafts').delete([write.table, write.key]));",
      },
      {
        file: 'sw/store/write.ts',
        find: "...(write.draft === undefined ? [] : (['drafts'] as const)),",
        replace: "'drafts',",
      },
    ],
  },
  {
    name: 'unsent work thrown away at a sign-out',
    edits: [
      {
        file: 'sw/sync/sign-out.ts',
        find: "if (choice.unsent !== 'discard') return refuseToLose(last, choice);",
        replace: "if (choice.unsent === 'upload') return refuseToLose(last, choice);",
      },
    ],
  },
  {
    name: 'a selected run that refreshes nothing',
    edits: [
      {
        file: 'sw/sync/refresh.ts',
        find: "version === null || version === '' || version !== base.version",
        replace: "version === null || version === ''",
      },
    ],
  },
  {
    name: 'a change sent before the content that it names',
    edits: [
      {
        file: 'sw/sync/contents-to-send.ts',
        find: 'return wanted.filter((_content, index) => sent[index]?.run !== run);',
        replace: 'return [];',
      },
    ],
  },
  {
    name: 'contents swept that only unsent work names',
    edits: [
      {
        file: 'sw/sync/sweep-contents.ts',
        find: 'if (named.has(hash) || work.has(hash)) continue;',
        replace: 'if (named.has(hash)) continue;',
      },
    ],
  },
  {
    name: 'the server’s key put into its own record, not into references to it',
    edits: [
      {
        file: 'sw/store/rename.ts',
        find: 'const next = renameRow(table, names, row);',
        replace: 'const next = names.of(row.table, row.key) === row.key ? row : renameRow(table, names, row);',
      },
    ],
  },
  {
    name: 'temporary keys forgotten once they are replaced',
    edits: [
      {
        file: 'sw/store/aliases.ts',
        find: "await Promise.all(renames.map((rename) => tx.objectStore('aliases').put(rename)));",
        replace: '',
      },
    ],
  },
  {
    name: 'removal before acknowledgement',
    edits: [
      {
        file: 'sw/sync/batch-content.ts',
        find: "    tx.objectStore('batches').put(content),\n",
        replace:
          "    ...items.map((item) => item.type === 'change' ? tx.objectStore('changes').delete([item.row.table, item.row.key, item.row.seq]) : undefined),\n",
      },
    ],
  },
  {
    name: 'key made per attempt',
    edits: [
      {
        file: wire,
        find: askUpload,
        replace: `const attempt = context.now() + '-' + Math.random();
      const { json, bytes } = await ask({ method: 'POST', path: '/upload', body: body.replace(/"mutationId":"([^"]+)"/g, '"mutationId":"$1@' + attempt + '"') }, call);
      for (const each of json.outcomes ?? []) each.mutationId = each.mutationId.replace(/@.*$/, '');`,
      },
    ],
  },
  {
    name: 'no key on the first attempt',
    edits: [
      {
        file: wire,
        find: askUpload,
        replace: `const sent = (context.sentBodies ??= new Set());
      const attempt = sent.has(body) ? '' : '@first';
      sent.add(body);
      const { json, bytes } = await ask({ method: 'POST', path: '/upload', body: body.replace(/"mutationId":"([^"]+)"/g, '"mutationId":"$1' + attempt + '"') }, call);
      for (const each of json.outcomes ?? []) each.mutationId = each.mutationId.replace(/@.*$/, '');`,
      },
    ],
  },
  {
    name: 'acknowledged by record without comparing what was sent',
    edits: [
      {
        file: 'sw/sync/settle.ts',
        find: 'return { ...verdict, rows: rebaseAbove(above, base), base: serverBase',
        replace: 'return { ...verdict, rows: [], base: serverBase',
      },
    ],
  },
  {
    name: 'cursor stored before its records',
    seed: 65,
    edits: [
      {
        file: 'sw/sync/download.ts',
        find: 'await this.#current(piece.table).end(end);\n',
        replace: `await session.database.write(['heads'], async (tx) => {
          const head = await session.base.readHead(tx, piece.table);
          await tx.objectStore('heads').put({ ...head, generation: head.generation + 1, cursor: end.cursor, cursorFor: end.cursorFor });
        });
        await this.#current(piece.table).end(end);\n`,
      },
    ],
  },
  {
    name: 'cursor by timestamp only',
    edits: [
      {
        file: 'tests/support/reference/download.ts',
        find: 'entry.seq > since &&',
        replace: 'Math.floor(entry.seq / 5) > Math.floor(since / 5) &&',
      },
    ],
  },
  {
    name: 'dropped on 4xx',
    edits: [
      {
        file: 'sw/sync/upload.ts',
        find: 'await noteFailedAttempt(session, content);\n    throw error;',
        replace: `await noteFailedAttempt(session, content);
    if (error.details?.status >= 400 && error.details?.status < 500) {
      await session.database.write(['changes', 'batches', 'members'], async (tx) => {
        for (const item of content.items) {
          if (item.type === 'change') await tx.objectStore('changes').delete([item.table, item.key, item.seq]);
        }
        await tx.objectStore('batches').delete(content.batch);
        await tx.objectStore('members').delete(content.batch);
      });
    }
    throw error;`,
      },
    ],
  },
  {
    name: 'HTML 200 acknowledged',
    edits: [
      {
        file: wire,
        find: askUpload,
        replace: `const { json, bytes } = await ask({ method: 'POST', path: '/upload', body }, call).catch((error) => {
        if (error.code !== 'not-our-server' || error.details?.status !== 200) throw error;
        const outcomes = JSON.parse(body).changes.map(({ mutationId, record }) =>
          ({ type: 'applied', mutationId, record: record ?? null, version: record === undefined ? null : '0' }));
        return { json: { outcomes, serverEpoch: '' }, bytes: 0 };
      });`,
      },
    ],
  },
  {
    name: 'busy flag in memory',
    seed: 27,
    edits: [
      {
        file: 'sw/sync/engine.ts',
        find: "async (lock) => (lock === null ? 'taken' : work(request, controller)),",
        replace: 'async () => work(request, controller),',
      },
    ],
  },
  {
    name: 'dead connection reused',
    edits: [
      {
        file: 'sw/store/database.ts',
        find: 'if (isConnectionLoss(error)) {\n        drop();',
        replace: 'if (isConnectionLoss(error)) {',
      },
    ],
  },
  {
    name: 'dataLoss ignored',
    edits: [
      {
        file: 'sw/store/epoch.ts',
        find: "return 'dataLoss' in event && event.dataLoss === 'total';",
        replace: 'return false;',
      },
    ],
  },
  {
    name: 'one global order',
    edits: [
      {
        file: 'sw/sync/upload-stretch.ts',
        find: 'rows: rows.filter((row) => row.seq <= through),',
        replace: `rows: rows.filter((row) => row.seq <= through).filter((row, index, all) => !all.slice(0, index + 1).some((each) => each.state === 'rejected')),`,
      },
    ],
  },
  {
    name: 'tombstone dropped when sent',
    edits: [
      {
        file: 'sw/sync/batch-content.ts',
        find: "    tx.objectStore('batches').put(content),\n",
        replace:
          "    tx.objectStore('batches').put(content),\n    ...items.map((item) => item.type === 'change' && item.row.operation === 'delete' ? tx.objectStore('changes').delete([item.row.table, item.row.key, item.row.seq]) : undefined),\n",
      },
    ],
  },
  {
    name: 'user read late',
    edits: [
      {
        file: 'sw/sync/create-sessions.ts',
        find: '      user,\n      database,',
        replace: '      get user() { return known?.user ?? user; },\n      database,',
      },
      {
        file: 'sw/sync/create-sessions.ts',
        find: 'madeBy(options.headers, { user, url })',
        replace: 'madeBy(options.headers, { user: known?.user ?? user, url })',
      },
      { file: 'sw/sync/create-sessions.ts', find: '        if (signal.aborted) throw signal.reason;\n', replace: '' },
      {
        file: 'sw/sync/create-sessions.ts',
        find: 'return { ...session, engine, begin, end };',
        replace: 'return Object.assign(Object.create(session), { engine, begin, end: () => undefined });',
      },
    ],
  },
  {
    name: 'Object.assign merge',
    edits: [
      {
        file: 'sw/store/rebase.ts',
        find: 'return fields.length === 0 ? server : JSON.stringify(withFieldsOf(parseStored(server), target, fields));',
        replace: 'return JSON.stringify(Object.assign({}, parseStored(server), target));',
      },
    ],
  },
  {
    name: 'a group sent as single changes',
    edits: [
      {
        file: 'sw/sync/batch-content.ts',
        find: '    ...(group === undefined ? {} : { group }),\n',
        replace: '',
      },
    ],
  },
  {
    name: 'what does not fit a new schema dropped',
    edits: [
      {
        file: 'sw/store/store-migrated.ts',
        find: '  await failures.put(failure);\n',
        replace: '',
      },
    ],
  },
];
