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

(defvar-local pen-redraw-here nil
  "The redraw of this buffer, all of which is one screen.")
(put 'pen-redraw-here 'permanent-local t)

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

;;;; Functions: a buffer that is one screen

(defun pen-redraw-this-buffer (function)
  "Have FUNCTION draw this buffer from now on, when `pen-redraw-changed' is called."
  (pen-redraw-forget)
  (setq pen-redraw-here (pen-redraw-make (current-buffer) function))
  (add-hook 'window-buffer-change-functions #'pen-redraw--seen nil t)
  (add-hook 'window-size-change-functions #'pen-redraw--resized nil t)
  (add-hook 'kill-buffer-hook #'pen-redraw-forget nil t))

(defun pen-redraw-changed ()
  "Draw this buffer soon, or when somebody sees it."
  (pen-redraw-in-sight pen-redraw-here))

(defun pen-redraw--seen (window)
  "Draw the buffer that is seen in WINDOW now, if it must be.
Redisplay calls this in whatever buffer is current."
  (with-current-buffer (window-buffer window)
    (pen-redraw-shown pen-redraw-here)))

(defun pen-redraw--resized (window)
  "Draw the buffer of WINDOW, if that is wider or narrower than before."
  (unless (= (window-body-width window t) (window-old-body-pixel-width window))
    (with-current-buffer (window-buffer window)
      (pen-redraw-soon pen-redraw-here))))

(defun pen-redraw-forget ()
  "Forget what was about to be drawn in this buffer."
  (when pen-redraw-here
    (pen-redraw-stop pen-redraw-here)))

(defun pen-redraw-header (text)
  "Put TEXT above this buffer as it is, whatever stands after a % in it."
  (setq header-line-format (string-replace "%" "%%" text)))

(defun pen-redraw-end (text width)
  "Return TEXT; of one wider than WIDTH the beginning is left out."
  (let ((over (- (string-width text) width)))
    (if (<= over 0)
        text
      (concat "…" (truncate-string-to-width text (string-width text) (1+ over))))))

(defun pen-redraw-gap (column)
  "Return a blank that reaches to COLUMN, however wide the text before it is shown.
It also keeps texts that run from right to left on their sides of it."
  (propertize " " 'display `(space :align-to ,column)))

(defun pen-redraw-in-place (draw anchor place)
  "Call DRAW in this buffer; point and what windows show stay where they were.
ANCHOR is called with a position, and a second argument t if a window
starts there; it returns what is there, and PLACE where that is now."
  (let ((windows (mapcar (lambda (window)
                           (list window (funcall anchor (window-start window) t)
                                 (funcall anchor (window-point window))))
                         (get-buffer-window-list nil nil t)))
        (point (funcall anchor (point))))
    (funcall draw)
    (goto-char (funcall place point))
    (pcase-dolist (`(,window ,start ,at) windows)
      (set-window-start window (funcall place start) t)
      (set-window-point window (funcall place at)))))

(provide 'pen-redraw)
;;; pen-redraw.el ends here
