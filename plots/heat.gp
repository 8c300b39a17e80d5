# The cluster's Gantt chart of many nodes: a row a group of nodes, a column a span of time, shaded by how busy they were,
# or, where they were busy nearly always, by the rungs that they trained (RUNGS of them; 0: by how busy).
H = 560
TITLE = SCENARIO . ': ' . CASE . ', seed ' . SEED . (PARTIAL ? ' (partial run)' : '')
eval terminal(960, H)
eval head
set tmargin at screen 1 - 48.0 / H
set lmargin at screen 0.09
set rmargin at screen 0.87
set bmargin at screen 0.11
set xlabel (REAL ? 'time [' : 'simulated time [') . TIME . ']'
set ylabel PER_ROW > 1 ? sprintf('node (a row: %d nodes)', PER_ROW) : 'node'
set xrange [0:END]
set yrange [NODES:0]
if (RUNGS) {
  set cbrange [0:RUNGS - 1]
  set cblabel 'mean rung in training'
  set cbtics 1
} else {
  set cbrange [LOW:100]
  set cblabel 'busy CPUs [%]'
  set cbtics LOW, (100.0 - LOW) / 4
  if (LOW > 0) {
    set cbtics add (sprintf('≤ %g', LOW) LOW)
  }
}
set palette defined (0 '#FDFBE8', 15 '#C7E4BE', 40 '#63C3BF', 70 '#2C7FB8', 100 '#0B2A66')
set colorbox user origin screen 0.89,0.11 size screen 0.02,0.70
set object 1 rectangle from graph 0,0 to graph 1,1 behind fillcolor rgb '#D0D0D0' fillstyle solid noborder
unset grid
unset key
if (HOLES) {
  set object 2 rectangle from screen 0.89,0.86 to screen 0.91,0.893 fillcolor rgb '#D0D0D0' fillstyle solid noborder
  set label 1 (RUNGS ? 'none' : 'no node up') at screen 0.917,0.876 left font ',10' textcolor rgb '#202020'
}
plot $heat matrix using (($1 + 0.5) * STEP):(($2 + 0.5) * PER_ROW):3 with image
