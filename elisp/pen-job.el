;;; pen-job.el --- One fine-tuning job, live -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; `pen-job' shows how far a job is, its loss curve, sample completions (newest
;; first), checkpoints, events, hyperparameters and cost.  It is drawn when
;; events come, and only while somebody can see it; point stays on its line.
;;
;; RET on a checkpoint completes with it, x compares it, s has the newest one
;; write, p pauses and resumes, c cancels.

;;; Code:

(require 'subr-x)
(require 'pen-redraw)
(require 'pen-figure)
(require 'pen-job-status)
(require 'pen-job-state)
(require 'pen-job-follow)
(require 'pen-job-curve)
(require 'pen-job-action)

;;;; Keymaps

(defvar pen-job-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "RET") #'pen-job-visit)
    (define-key map "c" #'pen-job-cancel)
    (define-key map "j" #'pen-jobs)
    (define-key map "L" #'pen-job-curve-toggle-log)
    (define-key map "m" #'pen-job-use-model)
    (define-key map "n" #'pen-job-next)
    (define-key map "p" #'pen-job-pause-or-resume)
    (define-key map "s" #'pen-job-sample)
    (define-key map "x" #'pen-job-compare)
    (define-key map "X" #'pen-job-curve-toggle-x)
    (define-key map (kbd "C-c C-k") #'pen-job-cancel)
    map)
  "Keys of the buffer of one job.")

;;;; Internal variables

(defconst pen-job--keys
  "RET use checkpoint  x compare  m use model  s sample  p pause/resume  c cancel
L logarithm  X steps/tokens  n next section  j all jobs  g refresh  q quit"
  "What the first lines say: below a curve and samples no screen would show it.")

;;;; Declarations

(declare-function pen-jobs "pen-jobs" ())

;;;; Functions: when to draw

(defun pen-job--draw ()
  "Draw this buffer; point and what windows show stay on their lines."
  (pen-redraw-in-place (lambda ()
                         (let ((inhibit-read-only t))
                           (erase-buffer)
                           (pen-job--insert)))
                       #'pen-job--anchor #'pen-job--anchored))

(defun pen-job--anchor (position &optional _start)
  "Return what POSITION is at: (NAME . OFFSET) from the beginning of NAME."
  (save-excursion
    (goto-char position)
    (beginning-of-line)
    (let (name)
      (while (and (not (setq name (get-text-property (point) 'pen-job-line)))
                  (zerop (forward-line -1))))
      (cons name (- position (pen-job--start name))))))

(defun pen-job--start (name)
  "Return where the line NAME begins, the buffer's beginning if nowhere."
  (or (and name (text-property-any (point-min) (point-max) 'pen-job-line name))
      (point-min)))

(defun pen-job--anchored (anchor)
  "Return where ANCHOR is now."
  (min (+ (pen-job--start (car anchor)) (cdr anchor)) (point-max)))

;;;; Functions: drawing

(defun pen-job--insert ()
  "Insert what is known of the job."
  (let ((fields pen-job--fields))
    (pen-redraw-header (pen-job--header fields))
    (insert (propertize pen-job--keys 'face 'shadow 'pen-job-line 'keys) "\n\n")
    (pen-job--line "Status" (pen-job--status fields))
    (pen-job--line "Prompt" (plist-get fields :prompt))
    (pen-job--line "Model" (pen-job--models fields))
    (pen-job--line "Step" (pen-job--steps fields))
    (pen-job--line "Loss" (format "train %s   valid %s"
                                  (pen-figure-loss (plist-get fields :train-loss))
                                  (pen-figure-loss (plist-get fields :valid-loss))))
    (pen-job--line "Speed" (pen-figure-rate (plist-get fields :tokens-per-second)))
    (unless (or (pen-job-finished-p (plist-get fields :status))
                (pen-job-paused-p (plist-get fields :status)))
      (pen-job--line "Left" (pen-figure-duration (plist-get fields :eta-seconds))))
    (pen-job--line "Cost" (pen-job--cost fields))
    (pen-job--title "Curve")
    (pen-job-curve-insert)
    (pen-job--section "Samples, newest first"
                      (mapcar #'pen-job--sample pen-job--samples)
                      "none yet; s has the newest checkpoint write one")
    (pen-job--section "Checkpoints, newest first"
                      (mapcar #'pen-job--checkpoint pen-job--checkpoints)
                      (unless (pen-job-finished-p (plist-get fields :status))
                        "none yet; the first one comes at the latest at the end"))
    (pen-job--section "Events, newest first"
                      (mapcar (lambda (line) (propertize line 'wrap-prefix "  "
                                                         'pen-job-line line))
                              pen-job--events))
    (pen-job--section "Hyperparameters" (mapcar #'pen-job--option pen-job--options))))

(defun pen-job--header (fields)
  "Return the header line for FIELDS."
  (concat " " (pen-job-standing fields)
          "  step " (pen-job-step fields)
          (and (plist-get fields :epoch)
               (format "  epoch %s" (pen-figure-short (plist-get fields :epoch))))
          (and (plist-get fields :train-loss)
               (concat "  train " (pen-figure-loss (plist-get fields :train-loss))))
          (and (plist-get fields :valid-loss)
               (concat "  valid " (pen-figure-loss (plist-get fields :valid-loss))))
          "  ? keys  " pen-job--id))      ; last: the name of the buffer has it, too

(defun pen-job--line (name value)
  "Insert a line with NAME and VALUE, unless VALUE is nil."
  (when value
    (insert (propertize (format "%-8s" name) 'face 'bold 'pen-job-line name)
            (propertize value 'wrap-prefix "        ") "\n")))

(defun pen-job--status (fields)
  "Return how the job with FIELDS stands."
  (let ((standing (pen-job-standing fields)))
    (cond (pen-job--error
           (propertize (concat pen-job--error " g follows it again.") 'face 'error))
          ((plist-get fields :error) (concat standing ": " (plist-get fields :error)))
          ((and (plist-get fields :interruption)
                (not (pen-job-finished-p (plist-get fields :status))))
           (concat standing "; " (plist-get fields :interruption)))
          (t standing))))

(defun pen-job--models (fields)
  "Return the base of FIELDS and the model made from it, if there is one."
  (when-let ((base (plist-get fields :model)))
    (concat base
            (when-let ((tuned (plist-get fields :fine-tuned-model)))
              (concat " → " tuned)))))

(defun pen-job--steps (fields)
  "Return how far the job with FIELDS is, with a bar."
  (let ((step (or (plist-get fields :step) 0))
        (total (plist-get fields :total-steps))
        (width 30))
    (if (and total (> total 0))
        (let ((full (min width (/ (* width step) total))))
          (format "%d/%d  [%s%s]" step total
                  (make-string full ?#) (make-string (- width full) ?.)))
      (if (and (zerop step) (equal "running" (plist-get fields :status)))
          "0; the trainer starts and loads the model"
        (format "%d" step)))))

(defun pen-job--cost (fields)
  "Return what the job with FIELDS has cost so far."
  (when-let ((tokens (plist-get fields :trained-tokens)))
    (let ((cost (plist-get fields :cost)))
      (format "%s for %s tokens%s"
              (cond ((null cost) "an unknown price")
                    ((zerop cost) "nothing, on this machine,")
                    (t (format "%.2f %s" cost (plist-get fields :currency))))
              (pen-figure-thousands tokens)
              (if-let ((end (plist-get fields :finished-at)))
                  (format " in %s" (pen-figure-duration (- end (plist-get fields :created-at))))
                "")))))

(defun pen-job--sample (sample)
  "Return SAMPLE: its step, the end of its prompt, and what the model wrote."
  (pcase-let* ((`(,step ,prompt ,text) sample)
               (asked (car (last (split-string (or prompt "") "\n" t)))))
    (propertize
     (concat (propertize (format "%6s  %s" (or step "")
                                 (if asked (concat "…" asked "\n        ") ""))
                         'face 'shadow)
             (string-join (split-string (string-trim (or text "")) "\n")
                          "\n        "))
     'wrap-prefix "        "
     'pen-job-line sample)))

(defun pen-job--checkpoint (checkpoint)
  "Return CHECKPOINT as a line."
  (let ((model (plist-get checkpoint :model)))
    (propertize (format "%6s  train %s  valid %s  %s" (plist-get checkpoint :step)
                        (pen-figure-loss (plist-get checkpoint :train-loss))
                        (pen-figure-loss (plist-get checkpoint :valid-loss))
                        model)
                'pen-job-checkpoint model
                'pen-job-line model
                'mouse-face 'highlight
                'help-echo "RET: complete with it; x: compare it with its base")))

(defun pen-job--option (option)
  "Return OPTION of the job as a line."
  (propertize (format "%-26s %s" (plist-get option :name) (plist-get option :value))
              'pen-job-line option))

(defun pen-job--title (title)
  "Insert TITLE of a section."
  (insert "\n" (propertize title 'face 'bold 'pen-job-line title
                           'pen-job-title t)
          "\n"))

(defun pen-job--section (title lines &optional none)
  "Insert TITLE and LINES below it; if there are no lines, NONE."
  (pen-job--title title)
  (if lines
      (dolist (line lines)
        (insert line "\n"))
    (insert (propertize (concat (or none "none") "\n") 'face 'shadow))))

;;;; Commands

(define-derived-mode pen-job-mode special-mode "Pen-Job"
  "Mode of the buffer of one fine-tuning job.

\\{pen-job-mode-map}"
  :interactive nil
  (setq truncate-lines nil
        word-wrap t
        bidi-paragraph-direction 'left-to-right)
  (setq-local pen-job-changed-function #'pen-redraw-changed
              revert-buffer-function (lambda (&rest _) (pen-job-follow pen-job--id)))
  (pen-redraw-this-buffer #'pen-job--draw)
  (add-hook 'kill-buffer-hook #'pen-job-let-go nil t))

(defun pen-job-visit ()
  "Complete with the checkpoint of this line from now on."
  (interactive)
  (unless (get-text-property (line-beginning-position) 'pen-job-checkpoint)
    (user-error "There is no checkpoint on this line; n goes to the next section"))
  (pen-job-use-model))

(defun pen-job-next ()
  "Go to the next section; from the last to the first."
  (interactive)
  (goto-char (or (text-property-any (line-end-position) (point-max) 'pen-job-title t)
                 (text-property-any (point-min) (point-max) 'pen-job-title t))))

(defun pen-job-sample (&optional count)
  "Have the newest checkpoint of this job write COUNT samples now."
  (interactive "p")
  (unless pen-job--id
    (user-error "This is not the buffer of a job"))
  (unless pen-job--checkpoints
    (user-error "There is no checkpoint yet that could write; the first one comes at the latest at the end"))
  (message "Step %s is writing…" (plist-get (car pen-job--checkpoints) :step))
  (pen-rpc-jobs-sample
   :id pen-job--id :n (or count 1)
   :then (pen-rpc-in-buffer (current-buffer) #'pen-job--sampled)))

(defun pen-job--sampled (samples)
  "Show SAMPLES that were just written."
  (dolist (sample samples)
    (pen-job-add-sample (plist-get sample :step) (plist-get sample :prompt)
                        (plist-get sample :completion)))
  (message "Step %s wrote: %s" (plist-get (car samples) :step)
           (truncate-string-to-width
            (string-join (split-string (plist-get (car samples) :completion)) " ")
            60 nil nil t))
  (pen-redraw-changed))

;;;###autoload
(defun pen-job (id)
  "Show the job ID live; return its buffer."
  (interactive (list (pen-job-read)))
  (when (string-empty-p id)
    (user-error "No job was named"))
  (let ((buffer (get-buffer-create (format "*pen-job %s*" id))))
    (with-current-buffer buffer
      (unless (and (equal id pen-job--id) (not pen-job--error))
        (pen-job-mode)
        (pen-job-follow id)
        (pen-redraw-now pen-redraw-here)))
    (pop-to-buffer buffer)
    (pen-redraw-shown pen-redraw-here)  ; batch Emacs has no redisplay that would say so
    buffer))

(provide 'pen-job)
;;; pen-job.el ends here
