;;; pen-job-curve.el --- The loss curve of a job, in its buffer -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A picture where the display can show one, else a line of text for the
;; training loss and one for the validation loss.  A click on it, or RET, goes
;; to the nearest checkpoint.

;;; Code:

(require 'cl-lib)
(require 'image)
(require 'seq)
(require 'pen-figure)
(require 'pen-plot)
(require 'pen-job-status)
(require 'pen-job-state)

;;;; Customization

(defcustom pen-plot-graphics t
  "Whether a loss curve is a picture where the display can show one."
  :type 'boolean
  :group 'pen)

(defcustom pen-plot-height 240
  "Height of a loss curve, in pixels."
  :type 'natnum
  :group 'pen)

;;;; Faces

(defface pen-curve-train
  '((((background dark)) :foreground "#729fcf") (t :foreground "#3465a4"))
  "Loss on the training set."
  :group 'pen)

(defface pen-curve-valid
  '((((background dark)) :foreground "#fcaf3e") (t :foreground "#cc6600"))
  "Loss on the validation set."
  :group 'pen)

;;;; Keymaps

(defvar pen-job-curve-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "RET") #'pen-job-curve-select)
    (define-key map [mouse-1] #'pen-job-curve-select)
    map)
  "Keys on a loss curve.")

;;;; Internal variables

(defvar-local pen-job-curve-log nil "Non-nil for a logarithmic loss.")
(defvar-local pen-job-curve-by :step "What the curve is over: :step or :tokens.")
(defvar-local pen-job-curve--drawn nil
  "The last picture: (KEY TIME PLOT IMAGE); it is not made anew for the same KEY.")
(defvar-local pen-job-curve--timer nil "Draws what came too soon after a picture.")

(defconst pen-job-curve--rest 0.5
  "Seconds between two pictures; a running job is not drawn more often.")

;;;; Predicates

(defun pen-job-curve--graphic-p ()
  "Return non-nil if the curve is to be a picture."
  (and pen-plot-graphics (display-images-p) (image-type-available-p 'svg)))

;;;; Functions

(defun pen-job-curve-insert ()
  "Insert the loss curve of the job of this buffer."
  (let ((points (reverse pen-job--curve)))
    (cond ((null points)
           (insert (propertize "none yet\n" 'face 'shadow)))
          ((not (seq-some (lambda (point) (pen-plot-finite-p (plist-get point :loss)))
                          points))
           (insert "No step had a loss that can be drawn; the last was "
                   (pen-figure-loss (plist-get (car pen-job--curve) :loss)) ".\n"))
          ((pen-job-curve--graphic-p) (pen-job-curve--insert-image points))
          (t (pen-job-curve--insert-lines points)))))

(defun pen-job-curve--x (point)
  "Return where POINT is on the horizontal axis."
  (or (plist-get point pen-job-curve-by) (plist-get point :step)))

;;;; Functions: a picture

(defun pen-job-curve--insert-image (points)
  "Insert the curve of POINTS as a picture."
  (let* ((key (list (plist-get (car pen-job--curve) :step) pen-job-curve-log
                    pen-job-curve-by (length pen-job--checkpoints)
                    (pen-job-curve--width) (face-background 'default nil t)))
         (drawn (pen-job-curve--reusable key)))
    (unless drawn
      (let* ((plot (pen-job-curve--plot points))
             (svg (pen-plot-draw plot (pen-job-curve--marks points))))
        (setq drawn (list key (float-time) plot
                          (create-image (encode-coding-string svg 'utf-8) 'svg t :scale 1))
              pen-job-curve--drawn drawn)))
    (insert (propertize "loss" 'display (nth 3 drawn) 'keymap pen-job-curve-map
                        'pointer 'hand 'rear-nonsticky t
                        'help-echo "mouse-1, RET: the nearest checkpoint")
            "\n")))

(defun pen-job-curve--reusable (key)
  "Return the last picture if it is of KEY, or too fresh to be made anew."
  (pcase pen-job-curve--drawn
    (`(,(pred (equal key)) . ,_) pen-job-curve--drawn)
    (`(,last ,time . ,_)
     (when (and (equal (cdr last) (cdr key))
                (< (- (float-time) time) pen-job-curve--rest))
       (pen-job-curve--draw-later)
       pen-job-curve--drawn))))

(defun pen-job-curve--draw-later ()
  "Draw this buffer once the picture may be made anew."
  (unless (timerp pen-job-curve--timer)
    (let ((buffer (current-buffer)))
      (setq pen-job-curve--timer
            (run-at-time pen-job-curve--rest nil
                         (lambda ()
                           (when (buffer-live-p buffer)
                             (with-current-buffer buffer
                               (setq pen-job-curve--timer nil)
                               (funcall pen-job-changed-function)))))))))

(defun pen-job-curve--width ()
  "Return how many pixels wide the curve may be."
  (let ((window (get-buffer-window nil t)))
    (min 900 (max 320 (- (if window (window-body-width window t) 640) 20)))))

(defun pen-job-curve--plot (points)
  "Lay out the curve of POINTS."
  (cl-flet ((series (key)
              (cl-loop for point in points
                       when (plist-get point key)
                       collect (cons (pen-job-curve--x point) it))))
    (pen-plot-make
     (list (list "train" (face-foreground 'pen-curve-train nil t) (series :loss))
           (list "valid" (face-foreground 'pen-curve-valid nil t) (series :valid-loss)))
     :width (pen-job-curve--width) :height pen-plot-height
     :log pen-job-curve-log
     :x-label (concat (if (eq pen-job-curve-by :tokens) "tokens" "step")
                      (and pen-job-curve-log ", loss logarithmic"))
     :foreground (pen-job-curve--color (face-foreground 'default nil t) "#444444")
     :background (pen-job-curve--color (face-background 'default nil t) "white"))))

(defun pen-job-curve--color (color default)
  "Return COLOR of a face for a picture; DEFAULT if the face has none."
  (if (and color (color-values color))
      (apply #'format "#%02x%02x%02x"
             (mapcar (lambda (part) (ash part -8)) (color-values color)))
    default))

(defun pen-job-curve--marks (points)
  "Return where the checkpoints are on the horizontal axis of POINTS."
  (cl-loop for checkpoint in pen-job--checkpoints
           for point = (seq-find (lambda (one) (eql (plist-get one :step)
                                                    (plist-get checkpoint :step)))
                                 points)
           when point collect (pen-job-curve--x point)))

;;;; Functions: two lines of text

(defun pen-job-curve--insert-lines (points)
  "Insert the curve of POINTS as a line for each of its losses."
  (let* ((width (max 20 (min (length points)
                             (- (window-width (get-buffer-window nil t)) 34))))
         (losses (mapcar (lambda (point) (pen-job-curve--value point :loss)) points))
         (valid (pen-job-curve--kept points))
         (finite (seq-filter #'pen-plot-finite-p (append losses valid)))
         (low (apply #'min finite))
         (high (apply #'max finite)))
    (pcase-dolist (`(,name ,face ,key ,values)
                   `(("train" pen-curve-train :loss ,losses)
                     ("valid" pen-curve-valid :valid-loss ,valid)))
      (when (seq-some #'identity values)
        (insert (format "%s %7s " name (pen-figure-loss (pen-job-curve--end points key)))
                (pen-job-curve--steps
                 (propertize (pen-plot-sparkline values width low high) 'face face)
                 points)
                " " (pen-figure-loss (pen-job-curve--end (reverse points) key)) "\n")))
    (insert (propertize (format "steps %d to %d%s\n"
                                (plist-get (car points) :step)
                                (plist-get (car pen-job--curve) :step)
                                (if pen-job-curve-log ", loss logarithmic" ""))
                        'face 'shadow))))

(defun pen-job-curve--value (point key)
  "Return the loss KEY of POINT as it is drawn."
  (let ((value (plist-get point key)))
    (if (and value pen-job-curve-log)
        (and (> value 0) (log value 10))
      value)))

(defun pen-job-curve--kept (points)
  "Return the validation losses of POINTS; each counts until the next."
  (let (last)
    (mapcar (lambda (point)
              (setq last (or (pen-job-curve--value point :valid-loss) last)))
            points)))

(defun pen-job-curve--end (points key)
  "Return the first loss KEY of POINTS that was measured."
  (cl-loop for point in points thereis (plist-get point key)))

(defun pen-job-curve--steps (line points)
  "Give each sign of LINE, which draws POINTS, its step and keys."
  (let ((points (vconcat points)) (count (length line)))
    (dotimes (i count)
      (add-text-properties
       i (1+ i)
       (list 'pen-job-step (plist-get (aref points (/ (* i (length points)) count)) :step)
             'keymap pen-job-curve-map)
       line))
    line))

;;;; Commands

(defun pen-job-curve-select (&optional event)
  "Go to the checkpoint nearest to where EVENT or point is on the curve."
  (interactive (list last-nonmenu-event))
  (let* ((where (and (mouse-event-p event) (event-end event)))
         (step (if where
                   (pen-job-curve--step-at where)
                 (get-text-property (point) 'pen-job-step)))
         (nearest (car (seq-sort-by
                        (lambda (one) (if step (abs (- (plist-get one :step) step))
                                        (- (plist-get one :step))))
                        #'< pen-job--checkpoints))))
    (unless nearest
      (user-error "There is no checkpoint yet"))
    (goto-char (or (text-property-any (point-min) (point-max) 'pen-job-checkpoint
                                      (plist-get nearest :model))
                   (point)))
    (message "Step %s: RET uses %s, x compares it." (plist-get nearest :step)
             (plist-get nearest :model))))

(defun pen-job-curve--step-at (where)
  "Return the step that the mouse position WHERE is at."
  (if (posn-image where)
      (let ((x (pen-plot-x-at (nth 2 pen-job-curve--drawn)
                              (car (posn-object-x-y where)))))
        (plist-get (car (seq-sort-by (lambda (point) (abs (- (pen-job-curve--x point) x)))
                                     #'< pen-job--curve))
                   :step))
    (get-text-property (posn-point where) 'pen-job-step)))

(defun pen-job-curve-toggle-log ()
  "Draw the logarithm of the loss, or the loss again."
  (interactive)
  (setq pen-job-curve-log (not pen-job-curve-log))
  (funcall pen-job-changed-function))

(defun pen-job-curve-toggle-x ()
  "Draw the loss over tokens, or not any more."
  (interactive)
  (setq pen-job-curve-by (if (eq pen-job-curve-by :step) :tokens :step))
  (when (and (eq pen-job-curve-by :tokens)
             (not (plist-get (car pen-job--curve) :tokens)))
    (setq pen-job-curve-by :step)
    (user-error "This job does not tell how many tokens each step had"))
  (funcall pen-job-changed-function))

(provide 'pen-job-curve)
;;; pen-job-curve.el ends here
