;;; pen-answer.el --- What a model is writing: candidates that grow -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; A screen that shows what a model writes, as an overlay, in place of a region,
;; or in a buffer of its own, is a structure that includes `pen-answer': it holds
;; the request and its candidates, has itself drawn now and then, and is told
;; when all is there.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-rpc)
(require 'pen-redraw)
(require 'pen-stream)
(require 'pen-request)
(require 'pen-answer-activity)

;;;; Internal variables

(defconst pen-answer-patience 2
  "Seconds after which a screen with nothing to show says how long it waits.")

(defconst pen-answer-most 1000000
  "Characters after which a model that does not stop is stopped.")

(cl-defstruct (pen-answer (:constructor nil) (:copier nil))
  "A request, and what a model has written for it."
  (buffer (current-buffer))             ; where it is shown
  prompt values options                 ; definition's name, values, options
  stream redraw
  ended                                 ; function of the answer and an error or nil
  closer                                ; function that takes its screen away
  (note "…")                            ; what is going on, while nothing else is shown
  (since (float-time)) clock            ; when it was asked, and what draws how long ago that is
  warning                               ; what the service warned of, or nil
  (candidates nil)                      ; alist: index → (TEXT CHUNK…), newest chunk first
  (index 0)                             ; key in CANDIDATES of the one shown
  (size 0)                              ; characters so far
  expected model done closed
  cut)                                  ; it ended with an error

(defvar pen-answer--open nil
  "Every answer that is open, newest first.")

(defvar pen-abort-functions nil
  "Functions that stop what else runs here, with a non-nil argument everywhere.
Each returns how many requests that were.")

;;;; Functions: the request

(defun pen-answer-open (answer draw)
  "Have DRAW, called in its buffer, show ANSWER from now on."
  (unless (eq (pen-rpc-state) 'ready)
    (setf (pen-answer-note answer) "starting pen…"))
  (setf (pen-answer-clock answer) (run-at-time pen-answer-patience 1 #'pen-answer--tick answer)
        (pen-answer-expected answer) (plist-get (pen-answer-options answer) :n)
        (pen-answer-redraw answer) (pen-redraw-make (pen-answer-buffer answer) draw))
  (push answer pen-answer--open)
  (pen-redraw-now (pen-answer-redraw answer))
  answer)

(defun pen-answer--tick (answer)
  "Draw how long ANSWER has waited; once it has something to show, no more."
  (cond ((or (pen-answer-candidates answer) (pen-answer-done answer) (pen-answer-closed answer))
         (cancel-timer (pen-answer-clock answer)))
        ((get-buffer-window (pen-answer-buffer answer) t)
         (pen-redraw-soon (pen-answer-redraw answer)))))

(defun pen-answer-ask (answer values &optional usual)
  "Send the request of ANSWER with VALUES; its events go to its screen.
USUAL is how many candidates the definition itself asks for."
  (let ((arguments (pen-request-arguments (pen-answer-prompt answer) values
                                          (pen-answer-options answer) usual)))
    (setf (pen-answer-note answer) "…"  ; the service is there, and says if the engine is not
          (pen-answer-values answer) values
          (pen-answer-expected answer) (or (plist-get arguments :n) usual)
          (pen-answer-stream answer)
          (condition-case err
              (pen-request-start arguments
                                 (pen-rpc-in-buffer (pen-answer-buffer answer)
                                                    (lambda (kind plist)
                                                      (pen-answer-event answer kind plist))))
            (error                      ; a value that cannot be sent
             (pen-answer-close answer)
             (signal (car err) (cdr err)))))))

(defun pen-answer-event (answer kind plist)
  "Let ANSWER know of the event KIND with PLIST."
  (unless (pen-answer-closed answer)
    (pcase kind
      ('delta (pen-answer-add answer (or (plist-get plist :index) 0) (plist-get plist :text))
              (if (> (pen-answer-size answer) pen-answer-most)
                  (pen-answer--stop answer)
                (pen-redraw-soon (pen-answer-redraw answer))))
      ('log (if (eq (plist-get plist :what) 'warning)
                (setf (pen-answer-warning answer) (plist-get plist :text))
              (setf (pen-answer-note answer) (plist-get plist :text)))
            (pen-redraw-soon (pen-answer-redraw answer)))
      ('done (pen-answer--finish answer (plist-get plist :value)))
      ('error (pen-answer--end answer plist)))))

(defun pen-answer--finish (answer value)
  "Put the whole result VALUE in place of what streamed into ANSWER."
  (let ((index -1))
    (setf (pen-answer-model answer) (plist-get value :model)
          (pen-answer-candidates answer)
          (mapcar (lambda (each)
                    (list (setq index (1+ index)) (plist-get each :text)))
                  (plist-get value :candidates))))
  (pen-answer--end answer nil))

(defun pen-answer--stop (answer)
  "End the request of ANSWER, whose model does not end it."
  (pen-stream-cancel (pen-answer-stream answer))
  (setf (pen-answer-warning answer)
        (format "The model wrote %d characters and did not stop, so it was stopped; give the definition a stop text or fewer max-tokens."
                (pen-answer-size answer)))
  (pen-answer--end answer nil))

(defun pen-answer--end (answer err)
  "Draw ANSWER for the last time; ERR is what went wrong, or nil."
  (setf (pen-answer-done answer) t
        (pen-answer-cut answer) (and err t))
  (pen-answer--show-activity answer)
  (funcall (pen-answer-ended answer) answer err))

(defun pen-answer-settle (answer err keys again)
  "Show ANSWER whole and tell its KEYS, or take it away if nothing was written.
AGAIN then tells how to ask once more.  ERR is what went wrong, or
nil; a warning of the service goes before KEYS, which may be nil."
  (cond ((pen-answer-written-p answer)
         (pen-redraw-now (pen-answer-redraw answer))
         (when-let ((advice (and (not err)
                                 (or (pen-answer-warning answer)
                                     (and keys (format "%s: %s" (pen-answer-model answer) keys))))))
           (let ((message-log-max nil))
             (pen-rpc-show advice))))
        (t (pen-answer-close answer)
           (unless err
             (pen-rpc-show (format "%s wrote nothing this time; %s"
                                   (pen-answer-model answer) again)))))
  (when err
    (pen-rpc-tell err)))

(defun pen-answer-close (answer)
  "Stop the request of ANSWER and show nothing of it any more."
  (unless (pen-answer-closed answer)
    (setf (pen-answer-closed answer) t
          pen-answer--open (delq answer pen-answer--open))
    (when (pen-answer-stream answer)
      (pen-stream-cancel (pen-answer-stream answer)))
    (cancel-timer (pen-answer-clock answer))
    (pen-redraw-stop (pen-answer-redraw answer))
    (funcall (pen-answer-closer answer) answer)
    (pen-answer--show-activity answer)))

;;;; Functions: candidates

(defun pen-answer-add (answer index text)
  "Append TEXT to the candidate INDEX of ANSWER.
The first of them to have any is the one shown."
  (let ((candidate (assq index (pen-answer-candidates answer))))
    (cl-incf (pen-answer-size answer) (length text))
    (cond (candidate (push text (cddr candidate)))
          ((not (equal text ""))
           (unless (pen-answer-candidates answer)
             (setf (pen-answer-index answer) index))
           (setf (pen-answer-candidates answer)
                 (sort (cons (list index "" text) (pen-answer-candidates answer))
                       #'car-less-than-car))))))

(defun pen-answer-place (answer)
  "Return how many candidates of ANSWER come before the one shown."
  (or (seq-position (pen-answer-candidates answer) (pen-answer-index answer)
                    (lambda (candidate index) (eql (car candidate) index)))
      0))

(defun pen-answer-text (answer &optional index enough)
  "Return the candidate INDEX of ANSWER, by default the one shown.
If it has more than ENOUGH characters, its beginning will do."
  (let ((candidate (if index
                       (assq index (pen-answer-candidates answer))
                     (nth (pen-answer-place answer) (pen-answer-candidates answer)))))
    (when (and (cddr candidate)
               (not (and enough (> (length (cadr candidate)) enough))))
      (setcdr candidate
              (list (apply #'concat (cadr candidate) (reverse (cddr candidate))))))
    (or (cadr candidate) "")))

(defun pen-answer-texts (answer)
  "Return all candidates of ANSWER."
  (mapcar (lambda (each) (pen-answer-text answer (car each)))
          (pen-answer-candidates answer)))

(defun pen-answer-written-p (answer)
  "Return non-nil if a candidate of ANSWER is more than white space."
  (seq-some (lambda (text) (not (string-blank-p text))) (pen-answer-texts answer)))

(defun pen-answer-count (answer)
  "Return how many candidates ANSWER has or expects."
  (if (pen-answer-done answer)
      (length (pen-answer-candidates answer))
    (max (length (pen-answer-candidates answer))
         (or (pen-answer-expected answer) 1))))

(defun pen-answer-step (answer step again)
  "Show the candidate of ANSWER that is STEP further.
AGAIN says how to get others, when all that were asked for are there."
  (let* ((candidates (pen-answer-candidates answer))
         (count (length candidates)))
    (when (< count 2)
      (user-error "There is no other candidate%s"
                  (if (pen-answer-done answer) (concat "; " again)
                    " yet; wait for it")))
    (setf (pen-answer-index answer)
          (car (nth (mod (+ (pen-answer-place answer) step) count) candidates)))
    (pen-redraw-now (pen-answer-redraw answer))))

;;;; Functions: what is shown of it

(defun pen-answer-folded (text place)
  "Return TEXT, which is shown from PLACE on, folded if its window cuts lines.
Such a window, as in org, would hide what is to be accepted."
  (let ((window (get-buffer-window nil t)))
    (if (not (and window (or truncate-lines (truncated-partial-width-window-p window))))
        text
      (let* ((width (max 20 (- (window-body-width window) 2)))
             (column (save-excursion
                       (goto-char place)
                       (current-column)))
             (room (- (+ width (window-hscroll window)) column)))
        ;; A terminal that cuts lines needs the last column for the sign that it did.
        (mapconcat (lambda (line)
                     (prog1 (pen-answer--folded-line line room width)
                       (setq room width)))
                   (split-string text "\n") "\n")))))

(defun pen-answer--folded-line (line room width)
  "Return LINE in parts: one of at most ROOM columns, the rest of WIDTH."
  (let ((near (* 2 width))              ; a long line is not measured again for each part
        parts)
    (while (and (> (string-width (substring line 0 (min near (length line)))) room)
                (not (string-blank-p line)))
      (let ((part (truncate-string-to-width (substring line 0 (min near (length line)))
                                            (max 0 room))))
        (push (concat part (propertize "\\" 'face 'shadow)) parts)
        (setq line (substring line (length part))
              room width)))
    (string-join (nreverse (cons line parts)) "\n")))

;;;; Functions: what is said of it

(defun pen-answer-state (answer)
  "Return how far ANSWER is: the number of the candidate shown, or a note.
An answer that has ended with none is spoken of elsewhere."
  (pen-answer--show-activity answer)
  (let ((state (cond ((pen-answer-candidates answer)
                      (format "%d/%d%s" (1+ (pen-answer-place answer)) (pen-answer-count answer)
                              (cond ((pen-answer-cut answer) ", cut off")
                                    ((pen-answer-done answer) "")
                                    (t "…"))))
                     ((not (pen-answer-done answer)) (pen-answer--waiting answer))))
        (without (and (plist-get (pen-answer-options answer) :without-filters)
                      "without filters")))
    (if (or state without)
        (format " [%s]" (string-join (delq nil (list state without)) ", "))
      "")))

(defun pen-answer--waiting (answer)
  "Return what ANSWER waits for, and after a while also for how long."
  (let ((seconds (truncate (- (float-time) (pen-answer-since answer)))))
    (concat (pen-answer-note answer)
            (and (>= seconds pen-answer-patience)
                 (format " %d s" seconds)))))

(defun pen-answer--show-activity (answer)
  "Say in the mode line how far ANSWER is, unless it has ended."
  (if (or (pen-answer-done answer) (pen-answer-closed answer))
      (pen-answer-activity-forget answer)
    (pen-answer-activity-note answer (length (pen-answer-candidates answer))
                              (and (or (pen-answer-candidates answer) (pen-answer-expected answer))
                                   (pen-answer-count answer)))))

;;;; Commands

;;;###autoload
(defun pen-abort (&optional all)
  "Stop the requests of this buffer, or ALL of them; return how many."
  (interactive "P")
  (let ((running (seq-filter (lambda (each)
                               (and (not (pen-answer-done each))
                                    (or all (eq (pen-answer-buffer each) (current-buffer)))))
                             pen-answer--open)))
    (dolist (each running)
      (if (buffer-live-p (pen-answer-buffer each))
          (with-current-buffer (pen-answer-buffer each)
            (pen-answer-close each))
        (pen-answer-close each)))
    (apply #'+ (length running)
           (mapcar (lambda (function) (funcall function all)) pen-abort-functions))))

(provide 'pen-answer)
;;; pen-answer.el ends here
