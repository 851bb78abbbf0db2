;;; pen-plot.el --- Loss curves as SVG and as a line of text -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Pure functions: numbers in, text out.  Nothing here needs a graphical
;; Emacs, so that batch reports can draw too.
;;
;; A series is (NAME COLOR POINTS), POINTS a list of (X . Y) in rising
;; X.  Points whose Y is not finite are left out: a diverged loss ends
;; its line instead of bending the axis.
;;
;; `pen-plot-make' says where everything is, `pen-plot-draw' draws it, and
;; `pen-plot-x-at' finds what was clicked; `pen-plot-svg' does it in one go.

;;; Code:

(require 'cl-lib)
(require 'seq)

;;;; Internal variables

(defconst pen-plot--margin '(48 16 28 42)
  "Space in pixels left, right, above and below the plotted area.")

(defconst pen-plot-most-points 600
  "A series with more points than this is thinned before it is drawn.")

(defvar pen-plot--terminal nil
  "The last terminal that was drawn for, and the signs it shows.")

(cl-defstruct (pen-plot (:constructor pen-plot--make) (:copier nil))
  "SERIES in a picture of WIDTH by HEIGHT pixels, from XS and YS, each (LOW . HIGH).
LOG means that YS are logarithms."
  series width height xs ys log x-label foreground background)

;;;; Functions: numbers

(defun pen-plot-finite-p (number)
  "Return non-nil if NUMBER can be drawn."
  (and (numberp number) (not (isnan (float number))) (< (abs number) 1.0e+INF)))

(defun pen-plot-downsample (points most)
  "Thin POINTS to at most MOST, keeping both ends and every peak and valley.
The points between the ends are cut into equal parts; of each part
the lowest and the highest stay."
  (if (<= (length points) most)
      points
    (let* ((inner (vconcat (butlast (cdr points))))
           (parts (max 1 (/ (- most 2) 2)))
           (kept (list (car points))))
      (dotimes (part parts)
        (let* ((from (/ (* part (length inner)) parts))
               (to (/ (* (1+ part) (length inner)) parts))
               (low from) (high from))
          (cl-loop for i from from below to
                   do (when (< (cdr (aref inner i)) (cdr (aref inner low)))
                        (setq low i))
                   (when (> (cdr (aref inner i)) (cdr (aref inner high)))
                     (setq high i)))
          (push (aref inner (min low high)) kept)
          (unless (= low high)
            (push (aref inner (max low high)) kept))))
      (nreverse (cons (car (last points)) kept)))))

(defun pen-plot--range (values)
  "Return (LOW . HIGH) of VALUES, never empty."
  (let ((low (apply #'min values)) (high (apply #'max values)))
    (if (= low high) (cons (- low 0.5) (+ high 0.5)) (cons low high))))

(defun pen-plot-ticks (low high count)
  "Return round numbers from LOW to HIGH, about COUNT of them."
  (let* ((rough (/ (- high low) (float count)))
         (power (expt 10.0 (floor (log rough 10))))
         (step (* power (seq-find (lambda (m) (>= (* m power) rough))
                                  '(1 2 5 10) 10)))
         (tick (* step (ceiling (- (/ low step) 1e-9))))
         ticks)
    (while (<= tick (+ high (* step 1e-9)))
      (push tick ticks)
      (setq tick (+ tick step)))
    (nreverse ticks)))

(defun pen-plot-log-ticks (low high)
  "Return numbers from LOW to HIGH that are round on a logarithmic axis."
  (if (< (/ high low) 8)
      (pen-plot-ticks low high 5)
    (cl-loop for power from (floor (log low 10)) to (ceiling (log high 10))
             nconc (cl-loop for m in '(1 2 5)
                            for tick = (* m (expt 10.0 power))
                            when (<= low tick high) collect tick))))

;;;; Functions: a line of text

(defun pen-plot-sparkline (values width &optional low high)
  "Draw VALUES as one line of at most WIDTH characters.
LOW and HIGH are the values of the lowest and the highest character,
by default those of VALUES.  A stretch of VALUES with one in it that
is not finite is a cross; nil is a value that was not measured, and a
stretch of nothing else is blank."
  (let* ((values (vconcat values))
         (count (length values))
         (width (min width count))
         (range (pen-plot--finite-range values))
         (low (or low (car range)))
         (high (or high (cdr range)))
         (signs (pen-plot--signs))
         (line (make-string width ?\s)))
    (dotimes (column width)
      (let ((mean (pen-plot--mean values (/ (* column count) width)
                                  (/ (* (1+ column) count) width))))
        (when mean
          (aset line column (if (pen-plot-finite-p mean)
                                (pen-plot--sign mean low high (cdr signs))
                              (car signs))))))
    line))

(defun pen-plot--finite-range (values)
  "Return (LOW . HIGH) of those VALUES that are finite, nil if none is."
  (let (low high)
    (dotimes (i (length values))
      (let ((value (aref values i)))
        (when (pen-plot-finite-p value)
          (when (or (null low) (< value low)) (setq low value))
          (when (or (null high) (> value high)) (setq high value)))))
    (and low (cons low high))))

(defun pen-plot--mean (values from to)
  "Return the mean of VALUES between FROM and TO; nil if none was measured."
  (let ((sum 0.0) (count 0))
    (cl-loop for i from from below to
             do (when (aref values i)
                  (setq sum (+ sum (aref values i))
                        count (1+ count))))
    (and (> count 0) (/ sum count))))

(defun pen-plot--sign (value low high signs)
  "Return the one of SIGNS for VALUE between LOW and HIGH."
  (let ((most (1- (length signs))))
    (aref signs (if (> high low)
                    (max 0 (min most (round (* most (- value low)) (float (- high low)))))
                  (/ most 2)))))

(defun pen-plot--signs ()
  "Return (CROSS . SIGNS): for what is not finite, and for rising values."
  (let ((terminal (frame-terminal)))    ; asking for a sign's font takes a while
    (unless (eq (car pen-plot--terminal) terminal)
      (setq pen-plot--terminal
            (cons terminal (if (char-displayable-p ?▁)
                               '(?× . "▁▂▃▄▅▆▇█")
                             '(?x . "_.-=+*%#")))))
    (cdr pen-plot--terminal)))

;;;; Functions: SVG

(defun pen-plot--escape (text)
  "Return TEXT with the characters that XML reserves replaced."
  (let ((text (replace-regexp-in-string "&" "&amp;" text t t)))
    (replace-regexp-in-string
     "<" "&lt;" (replace-regexp-in-string "\"" "&quot;" text t t) t t)))

(defun pen-plot--text (x y anchor text)
  "Return an SVG label TEXT at X, Y with text ANCHOR."
  (format "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n"
          x y anchor (pen-plot--escape text)))

(cl-defun pen-plot-make (series &key width height x-label log foreground background)
  "Lay out SERIES in WIDTH by HEIGHT pixels, by default 640 by 320.
X-LABEL names the horizontal axis; LOG makes the other one
logarithmic.  FOREGROUND and BACKGROUND are colours.  Signal
`user-error' when no series has a point that can be drawn."
  (let* ((series (mapcar (lambda (one) (pen-plot--drawable one log)) series))
         (points (apply #'append (mapcar #'caddr series))))
    (unless points
      (user-error "There is nothing to draw: no point has a finite value"))
    (pen-plot--make :series series :width (or width 640) :height (or height 320)
                    :xs (pen-plot--range (mapcar #'car points))
                    :ys (pen-plot--range (mapcar (lambda (p) (pen-plot--scaled (cdr p) log))
                                                 points))
                    :log log :x-label x-label
                    :foreground (or foreground "#444")
                    :background (or background "white"))))

(defun pen-plot--scaled (y log)
  "Return Y, or its logarithm if LOG."
  (if log (log y 10) y))

(defun pen-plot--drawable (one log)
  "Return the series ONE without what cannot be drawn, with LOG or without."
  (pcase-let ((`(,name ,color ,points) one))
    (list name color
          (pen-plot-downsample
           (seq-filter (lambda (point)
                         (and (pen-plot-finite-p (cdr point))
                              (or (not log) (> (cdr point) 0))))
                       points)
           pen-plot-most-points))))

(defun pen-plot-to-x (plot x)
  "Return where X is in PLOT, in pixels from the left."
  (pcase-let ((`(,left ,right . ,_) pen-plot--margin)
              (`(,low . ,high) (pen-plot-xs plot)))
    (+ left (* (- (pen-plot-width plot) left right)
               (/ (- x low) (float (- high low)))))))

(defun pen-plot-x-at (plot pixel)
  "Return the X that is PIXEL pixels from the left of PLOT."
  (pcase-let ((`(,left ,right . ,_) pen-plot--margin)
              (`(,low . ,high) (pen-plot-xs plot)))
    (+ low (* (- high low) (/ (- pixel left)
                              (float (- (pen-plot-width plot) left right)))))))

(defun pen-plot--to-y (plot y)
  "Return where Y is in PLOT, in pixels from above."
  (pcase-let ((`(,_ ,_ ,above ,below) pen-plot--margin)
              (`(,low . ,high) (pen-plot-ys plot)))
    (+ above (* (- (pen-plot-height plot) above below)
                (/ (- high (pen-plot--scaled y (pen-plot-log plot)))
                   (float (- high low)))))))

(defun pen-plot--line (plot series)
  "Return SERIES of PLOT as SVG; a dot if it has one point."
  (pcase-let* ((`(,_ ,color ,points) series)
               (places (mapcar (lambda (p) (cons (pen-plot-to-x plot (car p))
                                                 (pen-plot--to-y plot (cdr p))))
                               points)))
    (if (cdr places)
        (format "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" points=\"%s\"/>\n"
                color
                (mapconcat (lambda (p) (format "%.1f,%.1f" (car p) (cdr p)))
                           places " "))
      (mapconcat (lambda (p) (format "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n"
                                     (car p) (cdr p) color))
                 places ""))))

(defun pen-plot--triangles (plot xs)
  "Return a small triangle on the horizontal axis of PLOT for each of XS."
  (let ((y (- (pen-plot-height plot) (nth 3 pen-plot--margin))))
    (mapconcat
     (lambda (place)
       (let ((x (pen-plot-to-x plot place)))
         (format "<path d=\"M%.1f %d l-5 8 h10 z\" fill=\"%s\" fill-opacity=\"0.7\"/>\n"
                 x y (pen-plot-foreground plot))))
     xs "")))

(defun pen-plot--legend (plot)
  "Return the names of the series of PLOT side by side, in their colours."
  (let ((x (car pen-plot--margin)) parts)
    (dolist (one (pen-plot-series plot))
      (pcase-let ((`(,name ,color ,_) one))
        (push (format "<rect x=\"%d\" y=\"9\" width=\"12\" height=\"3\" fill=\"%s\"/>\n"
                      x color)
              parts)
        (push (pen-plot--text (+ x 17) 15 "start" name) parts)
        (setq x (+ x 34 (* 7 (length name))))))
    (apply #'concat (nreverse parts))))

(defun pen-plot--axes (plot)
  "Return grid and numbers of PLOT."
  (pcase-let* ((`(,left ,right ,_ ,below) pen-plot--margin)
               (`(,low . ,high) (pen-plot-ys plot)))
    (concat
     (mapconcat
      (lambda (tick)
        (let ((y (pen-plot--to-y plot tick)))
          (concat (format "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-opacity=\"0.2\"/>\n"
                          left (- (pen-plot-width plot) right) y y
                          (pen-plot-foreground plot))
                  (pen-plot--text (- left 6) (+ y 4) "end" (format "%.3g" tick)))))
      (if (pen-plot-log plot)
          (pen-plot-log-ticks (expt 10.0 low) (expt 10.0 high))
        (pen-plot-ticks low high 5))
      "")
     (mapconcat
      (lambda (tick)
        (pen-plot--text (pen-plot-to-x plot tick)
                        (- (pen-plot-height plot) below -19) "middle"
                        (format "%.6g" tick)))
      (pen-plot-ticks (car (pen-plot-xs plot)) (cdr (pen-plot-xs plot)) 6) ""))))

(defun pen-plot-draw (plot &optional xs)
  "Draw PLOT as SVG text, with a triangle at each of XS on its horizontal axis."
  (let ((width (pen-plot-width plot)) (height (pen-plot-height plot)))
    (concat
     (format "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" \
viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"11\" fill=\"%s\">\n"
             width height width height (pen-plot-foreground plot))
     (format "<rect width=\"100%%\" height=\"100%%\" fill=\"%s\"/>\n"
             (pen-plot-background plot))
     (pen-plot--axes plot)
     (mapconcat (lambda (one) (pen-plot--line plot one)) (pen-plot-series plot) "")
     (pen-plot--triangles plot xs)
     (pen-plot--legend plot)
     (if (pen-plot-x-label plot)
         (pen-plot--text (/ width 2) (- height 6) "middle" (pen-plot-x-label plot))
       "")
     "</svg>\n")))

(defun pen-plot-svg (series &optional width height x-label)
  "Return SVG text that draws SERIES in WIDTH by HEIGHT pixels.
Defaults are 640 by 320.  X-LABEL names the horizontal axis.
Signal `user-error' when no series has a point that can be drawn."
  (pen-plot-draw (pen-plot-make series :width width :height height :x-label x-label)))

(provide 'pen-plot)
;;; pen-plot.el ends here
