/** Numbers of the zip format that reader and writer share. @see PKWARE, APPNOTE.TXT 6.3.9 */

export const signatures = {
  localHeader: 0x04034b50,
  descriptor: 0x08074b50,
  centralHeader: 0x02014b50,
  zip64End: 0x06064b50,
  zip64Locator: 0x07064b50,
  end: 0x06054b50,
} as const;

/** Sizes in bytes, without what varies. */
export const sizes = { localHeader: 30, centralHeader: 46, zip64End: 56, zip64Locator: 20, end: 22 } as const;

export const flags = {
  encrypted: 1 << 0,
  /** Two bits that say how hard the compressor tried. */
  effort: 3 << 1,
  /** Check sum and sizes stand behind the data. */
  descriptor: 1 << 3,
  utf8: 1 << 11,
} as const;

export const methods = { stored: 0, deflated: 8 } as const;

/** In a field of 32 bits: the value stands in the ZIP64 extra field. */
export const IN_ZIP64 = 0xffffffff;
/** The same in a field of 16 bits. */
export const IN_ZIP64_SHORT = 0xffff;
export const ZIP64_EXTRA = 0x0001;
