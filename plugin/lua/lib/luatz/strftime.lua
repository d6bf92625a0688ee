-- luatz.strftime: times as text
return require("luatz").strftime
