// Blocks of `eval/report/text_block.py`: base64, deflate, byte planes, zigzag, differences.

async function decodeBlock(text) {
  const squeezed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([squeezed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  let offset = 4 + length;
  // JSON sorts the names; the bytes lie in the order of `at`.
  const arrays = {};
  for (const [name, spec] of Object.entries(header.arrays).sort((a, b) => a[1].at - b[1].at)) {
    const count = spec.shape.reduce((a, b) => a * b, 1);
    arrays[name] = unpack(bytes.subarray(offset, offset + count * spec.width), count, spec);
    offset += count * spec.width;
  }
  return { ...header, arrays };
}

// Values of one array, as Float32Array with its `shape`; row-major, differences along the last axis.
function unpack(bytes, count, { shape, quantum, order, width }) {
  const whole = new Int32Array(count);
  for (let plane = 0; plane < width; plane++) {
    for (let k = 0; k < count; k++) whole[k] |= bytes[plane * count + k] << (8 * plane);
  }
  for (let k = 0; k < count; k++) whole[k] = (whole[k] >>> 1) ^ -(whole[k] & 1);
  const row = shape[shape.length - 1] || 1;
  for (let pass = 0; pass < order; pass++) {
    for (let k = 0; k < count; k++) if (k % row) whole[k] += whole[k - 1];
  }
  const values = new Float32Array(count);
  for (let k = 0; k < count; k++) values[k] = whole[k] * quantum;
  values.shape = shape;
  return values;
}

const decoded = new Map();

// The block of that name, decoded once.
function readBlock(name) {
  if (!decoded.has(name)) decoded.set(name, decodeBlock(document.getElementById(name).textContent));
  return decoded.get(name);
}
