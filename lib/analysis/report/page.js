// The page's own script, a module: shows the data of data.ts. All text reaches the page through textContent. No library.
const data = JSON.parse(document.getElementById('data').textContent);

/** An element. Attributes by name; `on…` are listeners; children are elements or text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

const short = (path) => path.slice(path.lastIndexOf('/') + 1);
const hex = (address) => `0x${address.toString(16)}`;
const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;
const tag = (text, isWarning) => make('span', { class: isWarning ? 'tag warn' : 'tag' }, text);

// ---- the way to a place

function chain(place) {
  const list = make('ol', { class: 'chain' }, make('li', {}, place.root === '' ? 'reached' : place.root));
  place.links.forEach(([file, label, address], depth) => {
    const item = make('li', { title: `${data.files[file].path} ${hex(address)}` }, label);
    item.style.setProperty('--depth', String(Math.min(depth, 24)));
    list.append(item);
  });
  return list;
}

function placeBlock(place) {
  const block = make(
    'section',
    {},
    make('h3', { class: 'mono' }, place.label),
    make('p', { class: 'quiet' }, `${data.files[place.file].path}, at ${hex(place.address)}`),
  );
  for (const why of place.lost) block.append(make('p', {}, tag('number not known', true), why));
  if (place.isSetId)
    block.append(
      make(
        'p',
        {},
        tag('set*id', true),
        'the number comes out of a structure, as the C library changes the identity of all threads',
      ),
    );
  block.append(chain(place));
  return block;
}

const SHOWN = 4;

/** Some places, and a button for the others. */
function placeBlocks(indices) {
  const blocks = make('div', {});
  const add = (some) => {
    for (const index of some) blocks.append(placeBlock(data.places[index]));
  };
  add(indices.slice(0, SHOWN));
  if (indices.length > SHOWN) {
    const more = make(
      'button',
      { class: 'link more', type: 'button' },
      `show ${plural(indices.length - SHOWN, 'more place')}`,
    );
    more.addEventListener('click', () => {
      more.remove();
      add(indices.slice(SHOWN));
    });
    blocks.append(more);
  }
  return blocks;
}

// ---- a table that sorts, filters and opens its rows

/** columns: { title, cell(row), key(row)?, class? }. detail(row): what an opened row shows. */
function sheet(name, { rows, columns, text, detail, choices, first = 0 }) {
  const body = make('tbody');
  const count = make('span', { role: 'status', class: 'count' });
  const search = make('input', {
    type: 'search',
    placeholder: 'Search',
    'aria-label': `Search ${name}`,
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const choice =
    choices &&
    make(
      'select',
      { 'aria-label': `Which ${name}` },
      ...choices.map(([title], index) => make('option', { value: String(index) }, title)),
    );
  let sorted = { column: first, isDown: first > 0 };
  const opened = new Set();

  const heads = columns.map((column, index) => {
    const head = make('th', { scope: 'col', class: column.class });
    head.append(
      column.key
        ? make('button', { type: 'button', onclick: () => sort(index) }, column.title)
        : column.title,
    );
    return head;
  });

  function sort(index) {
    sorted = { column: index, isDown: sorted.column === index ? !sorted.isDown : false };
    show();
  }

  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = choice ? choices[Number(choice.value)][1] : () => true;
    const shown = rows.filter((row) => fits(row) && words.every((word) => text(row).includes(word)));
    const { key } = columns[sorted.column];
    shown.sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      return (x < y ? -1 : x > y ? 1 : 0) * (sorted.isDown ? -1 : 1);
    });
    heads.forEach((head, index) => {
      if (index === sorted.column) head.setAttribute('aria-sort', sorted.isDown ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    });
    count.textContent =
      shown.length === rows.length
        ? plural(rows.length, name.replace(/s$/, ''))
        : `${shown.length} of ${plural(rows.length, name.replace(/s$/, ''))}`;
    body.replaceChildren(...shown.flatMap(lines));
  }

  function lines(row) {
    const isOpen = opened.has(row);
    const cells = columns.map((column, index) => {
      const cell = make('td', { class: column.class });
      if (index === 0 && detail)
        cell.append(
          make(
            'button',
            { type: 'button', class: 'open', 'aria-expanded': String(isOpen), onclick: () => toggle(row) },
            column.cell(row),
          ),
        );
      else cell.append(column.cell(row));
      return cell;
    });
    const line = make('tr', { class: 'row' }, ...cells);
    if (!isOpen) return [line];
    return [
      line,
      make('tr', { class: 'detail' }, make('td', { colspan: String(columns.length) }, detail(row))),
    ];
  }

  function toggle(row) {
    if (!opened.delete(row)) opened.add(row);
    show();
    // The row is a new one; the keyboard stays where it was.
    const index = [...body.querySelectorAll('.open')].findIndex(
      (one) => one.textContent === columns[0].cell(row).toString(),
    );
    body.querySelectorAll('.open')[index]?.focus();
  }

  let timer;
  search.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(show, 80);
  });
  choice?.addEventListener('change', show);
  show();
  return {
    element: make(
      'div',
      {},
      make('div', { class: 'tools' }, search, choice, count),
      make('table', {}, make('thead', {}, make('tr', {}, ...heads)), body),
    ),
    search,
    /** Shows one row alone, opened. */
    open(row, query) {
      search.value = query;
      if (choice) choice.value = '0';
      opened.add(row);
      show();
      body.querySelector('.open[aria-expanded="true"]')?.focus();
    },
  };
}

// ---- calls

const filesOf = (call) => [...new Set(call.places.map((index) => data.places[index].file))];
const textOf = new Map(
  data.calls.map((call) => [
    call,
    [
      call.name,
      ...call.permits,
      call.note,
      ...call.places.map((index) => data.places[index].label),
      ...filesOf(call).map((file) => data.files[file].path),
    ]
      .join('\n')
      .toLowerCase(),
  ]),
);

function permitted(call) {
  const cell = make('span', { class: 'mono' });
  if (!call.isConstrained) cell.append(make('span', { class: 'quiet' }, 'any arguments'));
  else cell.append(call.permits.join('\n'));
  if (call.main && call.main.length === 0) cell.append(' ', tag('only before main'));
  else if (call.main) cell.append(' ', tag('narrower from main on'));
  return cell;
}

function callDetail(call) {
  const facts = make('dl', {});
  const fact = (title, value) => facts.append(make('dt', {}, title), make('dd', {}, value));
  if (call.parameters)
    fact(
      'arguments',
      make(
        'code',
        {},
        `${call.name}(${call.parameters.map(([name, type]) => `${type} ${name}`.trim()).join(', ')})`,
      ),
    );
  fact('permitted', make('code', {}, call.permits.join('; ')));
  if (call.main)
    fact('from main on', call.main.length === 0 ? 'refused' : make('code', {}, call.main.join('; ')));
  if (call.places.length === 0) fact('why', call.note);
  return make('div', {}, facts, placeBlocks(call.places));
}

const calls = sheet('calls', {
  rows: data.calls,
  text: (call) => textOf.get(call),
  detail: callDetail,
  choices: [
    ['all calls', () => true],
    ['with conditions on arguments', (call) => call.isConstrained],
    ['with any arguments', (call) => !call.isConstrained],
    ['permitted by widening', (call) => call.isWidened],
    ...(data.hasMain
      ? [
          ['only before main', (call) => call.main?.length === 0],
          ['also from main on', (call) => call.main?.length !== 0],
        ]
      : []),
  ],
  columns: [
    { title: 'Call', cell: (call) => call.name, key: (call) => call.name },
    {
      title: 'No.',
      class: 'number narrow-gone',
      cell: (call) => String(call.number),
      key: (call) => call.number,
    },
    { title: 'Permitted', class: 'wide', cell: permitted, key: (call) => (call.isConstrained ? 0 : 1) },
    {
      title: 'Brought by',
      class: 'narrow-gone',
      cell: (call) => {
        const names = filesOf(call).map((file) => short(data.files[file].path));
        if (names.length === 0) return call.isWidened ? tag('widened', true) : tag('the kernel itself');
        return `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;
      },
      key: (call) => (filesOf(call)[0] === undefined ? '' : short(data.files[filesOf(call)[0]].path)),
    },
    {
      title: 'Places',
      class: 'number',
      cell: (call) => String(call.places.length),
      key: (call) => call.places.length,
    },
    {
      title: 'Steps',
      class: 'number narrow-gone',
      cell: (call) => (call.places.length === 0 ? '' : String(data.places[call.places[0]].links.length)),
      key: (call) => (call.places.length === 0 ? 0 : data.places[call.places[0]].links.length),
    },
  ],
});

/** A word that leads to a call. */
function callLink(name) {
  return make('button', { type: 'button', class: 'link', onclick: () => openCall(name) }, name);
}

function openCall(name) {
  const call = data.calls.find((one) => one.name === name);
  if (call === undefined) return;
  select('calls');
  calls.open(call, name);
}

// ---- files

const files = sheet('files', {
  rows: data.files,
  first: 4,
  text: (file) => [file.path, file.role, file.why, ...file.calls].join('\n').toLowerCase(),
  detail: (file) =>
    make(
      'div',
      {},
      make('p', { class: 'mono' }, file.path),
      file.calls.length === 0
        ? make('p', { class: 'quiet' }, 'It makes no call itself.')
        : make('p', {}, ...file.calls.map(callLink)),
    ),
  choices: [
    ['all files', () => true],
    ...['program', 'library', 'plug-in'].map((role) => [
      `${role.replace(/y$/, 'ie')}s`,
      (file) => file.role === role,
    ]),
  ],
  columns: [
    { title: 'File', cell: (file) => short(file.path), key: (file) => short(file.path) },
    { title: 'Role', class: 'narrow-gone', cell: (file) => file.role, key: (file) => file.role },
    { title: 'Why it is here', class: 'wide', cell: (file) => file.why, key: (file) => file.why },
    {
      title: 'Functions reached',
      class: 'number narrow-gone',
      cell: (file) => (file.functions === 0 ? 'not looked into' : `${file.reached} of ${file.functions}`),
      key: (file) => file.reached,
    },
    {
      title: 'Calls',
      class: 'number',
      cell: (file) => String(file.calls.length),
      key: (file) => file.calls.length,
    },
  ],
});

// ---- what was widened, and notes

const isUnknown = (place) => place.lost.length > 0;
const widenedPlaces = data.widened.map((index) => data.places[index]);
const widened = make('div', {});
if (widenedPlaces.length === 0)
  widened.append(make('p', {}, 'Nothing: the number of every call that is reached is known from the code.'));
else {
  widened.append(
    make(
      'p',
      { class: 'quiet' },
      'Places whose number does not follow from the code that leads to them, why, and the way there.',
    ),
  );
  for (const place of [...widenedPlaces].sort((a, b) => Number(isUnknown(b)) - Number(isUnknown(a)))) {
    const block = placeBlock(place);
    if (place.calls.length > 0) block.append(make('p', {}, 'found: ', ...place.calls.map(callLink)));
    widened.append(block);
  }
}

const notes = make(
  'div',
  {},
  data.notices.length + data.missing.length === 0 ? make('p', {}, 'None.') : undefined,
  make('ul', { class: 'notes' }, ...data.notices.map((notice) => make('li', {}, notice))),
);

const policy = make('pre', { tabindex: '0', 'aria-label': 'Policy' }, data.policy);

// ---- tabs

const tabs = [
  { name: 'calls', title: `Calls (${data.calls.length})`, content: calls.element },
  { name: 'files', title: `Files (${data.files.length})`, content: files.element },
  { name: 'widened', title: `Widened (${widenedPlaces.length})`, content: widened },
  { name: 'notes', title: `Notes (${data.notices.length})`, content: notes },
  { name: 'policy', title: 'Policy', content: policy },
];
for (const tab of tabs) {
  tab.button = make(
    'button',
    {
      type: 'button',
      role: 'tab',
      id: `tab-${tab.name}`,
      'aria-controls': `panel-${tab.name}`,
      onclick: () => select(tab.name),
    },
    tab.title,
  );
  tab.panel = make(
    'div',
    { role: 'tabpanel', id: `panel-${tab.name}`, 'aria-labelledby': `tab-${tab.name}` },
    tab.content,
  );
}
const list = make('div', { role: 'tablist', 'aria-label': 'What to see' }, ...tabs.map((tab) => tab.button));
list.addEventListener('keydown', (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const end = { Home: 0, End: tabs.length - 1 }[event.key];
  if (step === undefined && end === undefined) return;
  event.preventDefault();
  const now = tabs.findIndex((tab) => tab.button === document.activeElement);
  const next = tabs[end ?? (now + step + tabs.length) % tabs.length];
  select(next.name);
  next.button.focus();
});

function select(name) {
  for (const tab of tabs) {
    const isSelected = tab.name === name;
    tab.button.setAttribute('aria-selected', String(isSelected));
    tab.button.tabIndex = isSelected ? 0 : -1;
    tab.panel.hidden = !isSelected;
  }
}

document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
  const { search } = [calls, files].find(({ element }) => !element.parentElement.hidden) ?? {};
  if (search === undefined) return;
  event.preventDefault();
  search.focus();
});

// ---- the whole

const constrained = data.calls.filter((call) => call.isConstrained).length;
const facts = [
  [data.calls.length, data.calls.length === 1 ? 'call permitted' : 'calls permitted'],
  [constrained, 'of them with conditions on arguments'],
  ...(data.hasMain
    ? [[data.calls.filter((call) => call.main?.length === 0).length, 'of them only before main']]
    : []),
  [data.files.filter((file) => file.role === 'program').length, 'programs'],
  [data.files.filter((file) => file.role !== 'program').length, 'other files'],
  [widenedPlaces.filter(isUnknown).length, 'numbers not known'],
];
document.body.append(
  make(
    'header',
    {},
    make('h1', {}, data.program),
    make('p', {}, 'What it can ask of the kernel, found by analysis of its code'),
  ),
  make(
    'main',
    {},
    make(
      'ul',
      { class: 'facts' },
      ...facts.map(([count, what]) => make('li', {}, make('b', {}, String(count)), what)),
    ),
    list,
    ...tabs.map((tab) => tab.panel),
  ),
);
select('calls');
// report.html#openat shows that call.
if (location.hash.length > 1) openCall(decodeURIComponent(location.hash.slice(1)));
