# Reads one .trx file: prints "passed failed skipped", or with -v list=1 the name and reason of each skipped test.
function attribute(name,   at, rest) {
  at = index($0, " " name "=\"")
  if (!at) return ""
  rest = substr($0, at + length(name) + 3)
  return substr(rest, 1, index(rest, "\"") - 1)
}
function plain(text) {
  gsub(/<[^>]*>/, "", text); gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text); gsub(/&quot;/, "\"", text); gsub(/&amp;/, "\\&", text)
  gsub(/^[ \t]+|[ \t\r]+$/, "", text)
  return text
}
function flush() {
  if (list && waiting != "") print "skipped: " plain(waiting) (reason == "" ? "" : " (" plain(reason) ")")
  waiting = ""; reason = ""
}
/<UnitTestResult / {
  flush()
  outcome = attribute("outcome")
  if (outcome == "Passed") passed++
  else if (outcome == "NotExecuted") { skipped++; waiting = attribute("testName") }
  else failed++
}
waiting != "" && /<(Message|StdOut)>/ && reason == "" { reason = $0 }
END { flush(); if (!list) print passed + 0, failed + 0, skipped + 0 }
