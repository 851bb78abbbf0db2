;;; pen-plot.el --- Loss curves as SVG text -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Pure functions: numbers in, SVG text out.  Nothing here needs a
;; graphical Emacs, so that batch reports can draw too.
;;
;; A series is (NAME COLOR POINTS), POINTS a list of (X . Y) in rising
;; X.  Points whose Y is not finite are left out: a diverged loss ends
;; its line instead of bending the axis.

;;; Code:

(defconst pen-plot--margin '(48 16 28 34)
  "Space in pixels left, right, above and below the plotted area.")

(defconst pen-plot-most-points 600
  "A series with more points than this is thinned before it is drawn.")

;;;; Numbers

(defun pen-plot--finite-p (point)
  "Return non-nil if the value of POINT can be drawn."
  (let ((y (cdr point)))
    (and (numberp y) (not (isnan (float y))) (< (abs y) 1.0e+INF))))

(defun pen-plot-downsample (points most)
  "Thin POINTS to at most MOST, keeping the first and the last."
  (let ((count (length points)))
    (if (<= count most)
        points
      (let ((vector (vconcat points)) kept)
        (dotimes (i most)
          (push (aref vector (/ (* i (1- count)) (1- most))) kept))
        (nreverse kept)))))

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

;;;; SVG

(defun pen-plot--escape (text)
  "Return TEXT with the characters that XML reserves replaced."
  (let ((text (replace-regexp-in-string "&" "&amp;" text t t)))
    (replace-regexp-in-string
     "<" "&lt;" (replace-regexp-in-string "\"" "&quot;" text t t) t t)))

(defun pen-plot--text (x y anchor text)
  "Return an SVG label TEXT at X, Y with text ANCHOR."
  (format "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n"
          x y anchor (pen-plot--escape text)))

(defun pen-plot--line (series to-x to-y)
  "Return SERIES as SVG, placed by TO-X and TO-Y; a dot if it has one point."
  (pcase-let* ((`(,_ ,color ,points) series)
               (places (mapcar (lambda (p) (cons (funcall to-x (car p))
                                                 (funcall to-y (cdr p))))
                               points)))
    (if (cdr places)
        (format "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" points=\"%s\"/>\n"
                color
                (mapconcat (lambda (p) (format "%.1f,%.1f" (car p) (cdr p)))
                           places " "))
      (mapconcat (lambda (p) (format "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n"
                                     (car p) (cdr p) color))
                 places ""))))

(defun pen-plot--legend (series left)
  "Return the names of SERIES side by side from LEFT on, in their colours."
  (let ((x left) parts)
    (dolist (one series)
      (pcase-let ((`(,name ,color ,_) one))
        (push (format "<rect x=\"%d\" y=\"9\" width=\"12\" height=\"3\" fill=\"%s\"/>\n"
                      x color)
              parts)
        (push (pen-plot--text (+ x 17) 15 "start" name) parts)
        (setq x (+ x 34 (* 7 (length name))))))
    (apply #'concat (nreverse parts))))

(defun pen-plot--axes (xs ys to-x to-y width height)
  "Return grid, numbers and frame for the ranges XS and YS.
TO-X and TO-Y place a value in the picture of WIDTH and HEIGHT."
  (pcase-let ((`(,left ,right ,_ ,below) pen-plot--margin))
    (concat
     (mapconcat
      (lambda (tick)
        (let ((y (funcall to-y tick)))
          (concat (format "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n"
                          left (- width right) y y)
                  (pen-plot--text (- left 6) (+ y 4) "end" (format "%.3g" tick)))))
      (pen-plot-ticks (car ys) (cdr ys) 5) "")
     (mapconcat
      (lambda (tick)
        (pen-plot--text (funcall to-x tick) (- height below -16) "middle"
                        (format "%.6g" tick)))
      (pen-plot-ticks (car xs) (cdr xs) 6) ""))))

(defun pen-plot-svg (series &optional width height x-label)
  "Return SVG text that draws SERIES in WIDTH by HEIGHT pixels.
Defaults are 640 by 320.  X-LABEL names the horizontal axis.
Signal `user-error' when no series has a point that can be drawn."
  (let* ((width (or width 640))
         (height (or height 320))
         (series (mapcar (lambda (one)
                           (pcase-let ((`(,name ,color ,points) one))
                             (list name color
                                   (pen-plot-downsample
                                    (seq-filter #'pen-plot--finite-p points)
                                    pen-plot-most-points))))
                         series))
         (points (apply #'append (mapcar #'caddr series))))
    (unless points
      (user-error "There is nothing to draw: no point has a finite value"))
    (pcase-let* ((`(,left ,right ,above ,below) pen-plot--margin)
                 (xs (pen-plot--range (mapcar #'car points)))
                 (ys (pen-plot--range (mapcar #'cdr points)))
                 (to-x (lambda (x) (+ left (* (- width left right)
                                              (/ (- x (car xs)) (float (- (cdr xs) (car xs))))))))
                 (to-y (lambda (y) (+ above (* (- height above below)
                                               (/ (- (cdr ys) y) (float (- (cdr ys) (car ys)))))))))
      (concat
       (format "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" \
viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#444\">\n"
               width height width height)
       "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
       (pen-plot--axes xs ys to-x to-y width height)
       (mapconcat (lambda (one) (pen-plot--line one to-x to-y)) series "")
       (pen-plot--legend series left)
       (if x-label (pen-plot--text (/ width 2) (- height 4) "middle" x-label) "")
       "</svg>\n"))))

(provide 'pen-plot)
;;; pen-plot.el ends here
