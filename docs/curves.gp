# Recorded and drawn curves side by side: run in docs/ as
#   gnuplot -e "drawn='< PATH/fit_curves --draw ../scenarios/data/digits_curve_model.json 60'" curves.gp
recorded = "< zcat ../scenarios/data/digits_curves.csv.gz | awk -F, '$1 < 60 || NR == 1'"
split = " | awk -F, 'NR > 1 { if ($2 == 1) print \"\"; print $2, $3 }'"
set terminal pngcairo size 1000,430 font "DejaVu Sans,10"
set output "curves.png"
set logscale xy
set xrange [1:64]
set yrange [0.05:20]
set xtics (1, 2, 4, 8, 16, 32, 64)
set xlabel "epoch"
set ylabel "validation loss (nats)"
set grid lc rgb "#dddddd"
unset key
set multiplot layout 1,2
set title "60 recorded configurations"
plot recorded . split using 1:2 with lines lw 0.8 lc rgb "#0072b2"
set title "60 drawn from the model"
plot drawn . split using 1:2 with lines lw 0.8 lc rgb "#d55e00"
unset multiplot
