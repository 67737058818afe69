"""The HTML report of a sweep: one file that opens without network.

Text is escaped where it enters markup (`markup`); charts are SVG made here, styled by
`report.css` for light and dark; `report.js` only adds sorting, filters and the trade browser.
"""
