;;; pen-redraw.el --- Draw at most twenty times a second -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Events arrive in hundreds a second; a screen that is drawn for each of them
;; freezes the editor.  A `pen-redraw' draws the first change at once, the rest
;; of them together, at most `pen-redraw-per-second' times a second.

;;; Code:

(require 'cl-lib)

;;;; Internal variables

(defconst pen-redraw-per-second 20
  "How often a screen may be drawn in a second.")

(cl-defstruct (pen-redraw (:constructor pen-redraw--make) (:copier nil))
  "A screen that is drawn now and then; FUNCTION draws it in BUFFER."
  buffer function (last 0.0) timer
  stale)                                ; it changed while no window showed it

;;;; Functions

(defun pen-redraw-make (buffer function)
  "Return a redraw by FUNCTION, called in BUFFER."
  (pen-redraw--make :buffer buffer :function function))

(defun pen-redraw-now (redraw)
  "Draw REDRAW at once, unless its buffer was killed."
  (pen-redraw-stop redraw)
  (setf (pen-redraw-stale redraw) nil)
  (when (buffer-live-p (pen-redraw-buffer redraw))
    (with-current-buffer (pen-redraw-buffer redraw)
      (funcall (pen-redraw-function redraw))))
  (setf (pen-redraw-last redraw) (float-time)))

(defun pen-redraw-soon (redraw)
  "Draw REDRAW at once if it rested long enough, else when it has."
  (unless (pen-redraw-timer redraw)
    (let ((rest (- (+ (pen-redraw-last redraw) (/ 1.0 pen-redraw-per-second))
                   (float-time))))
      (if (<= rest 0)
          (pen-redraw-now redraw)
        (setf (pen-redraw-timer redraw)
              (run-at-time (min rest 1.0) nil #'pen-redraw-now redraw))))))

(defun pen-redraw-in-sight (redraw)
  "Draw REDRAW soon if its buffer is in a window, else once it is."
  (if (get-buffer-window (pen-redraw-buffer redraw) t)
      (pen-redraw-soon redraw)
    (setf (pen-redraw-stale redraw) t)))

(defun pen-redraw-shown (redraw)
  "Draw REDRAW, whose buffer is in a window now, if it waited for that."
  (when (pen-redraw-stale redraw)
    (pen-redraw-soon redraw)))

(defun pen-redraw-stop (redraw)
  "Forget what REDRAW was about to draw."
  (when (pen-redraw-timer redraw)
    (cancel-timer (pen-redraw-timer redraw))
    (setf (pen-redraw-timer redraw) nil)))

(provide 'pen-redraw)
;;; pen-redraw.el ends here
